//! What is said of a command line that is wrong, and of a command that failed: words of ours around arguments and answers of others.

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;
use tracing::Level;

use super::{Cli, Error};
use crate::base::human::Palette;
use crate::base::terminal::{Safe, Stream, print, tell};

/// The command line of this process.
///
/// # Errors
/// With the exit code, once help, the version, or what is wrong was written.
pub fn parse() -> Result<Cli, ExitCode> {
    let arguments: Vec<OsString> = env::args_os().collect();
    Cli::try_parse_from(&arguments).map_err(|error| {
        let shown = arguments.iter().map(|argument| {
            let shown = Safe::line(argument.display());
            OsString::from(shown.as_str())
        });
        // The same refusal, of arguments that can be shown; of what it quotes clap escapes nothing.
        let again = Cli::try_parse_from(shown).err();
        let same = again.filter(|again| again.kind() == error.kind());
        let stream = match error.use_stderr() {
            true => Stream::Err,
            false => Stream::Out,
        };
        write(stream, &words(stream.palette(), &error, same.as_ref()));
        ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(u8::MAX))
    })
}

/// Those of `same`, the refusal without anything hidden; of `error` when there is none.
fn words(palette: Palette, error: &clap::Error, same: Option<&clap::Error>) -> Safe {
    match (same, palette) {
        (Some(same), Palette::Colour) => Safe::coloured(&same.render().ansi().to_string()),
        (Some(same), Palette::Plain) => Safe::lines(same.render()),
        (None, _) => Safe::lines(error.render()),
    }
}

fn write(stream: Stream, words: &Safe) {
    match stream {
        Stream::Err => tell(Level::ERROR, words),
        // Whoever asked for help may close the pipe when it was found.
        Stream::Out => drop(print(words)),
    }
}

/// Says on standard error why a command failed: one line, or one for each problem of a configuration.
pub fn complain(error: &Error) {
    let text = error.to_string();
    let said = match error.is_configuration() {
        true => text.lines().collect(),
        false => vec![text.as_str()],
    };
    for line in said {
        tell(Level::ERROR, &Safe::line(format_args!("shipper: {line}")));
    }
}
