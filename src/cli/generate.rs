//! Completions and man pages, made from the command line's definition.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_mangen::roff::{Roff, bold, roman};
use rustix::fs::Mode;
use rustix::process::umask;

use super::outlet::NewFile;
use super::{Error, Verdict};
use crate::cli::args::Cli;
use crate::config::{DEFAULT_FILE, KEYS};

/// Everybody may read a manual page.
const MODE: Mode = Mode::from_raw_mode(0o644);

/// Writes the completion script for `shell` to standard output.
///
/// # Errors
/// None.
pub(super) fn completions(shell: Shell) -> Result<Verdict, Error> {
    clap_complete::generate(shell, &mut Cli::command(), "shipper", &mut io::stdout());
    Ok(Verdict::Healthy)
}

/// Writes `shipper.1`, with every setting, and a page for each command into `directory`.
///
/// # Errors
/// When the directory cannot be written to.
pub(super) fn man_pages(directory: &Path) -> Result<Verdict, Error> {
    // Directories that are missing are for everybody, too.
    umask(Mode::from_raw_mode(0o022));
    let made = tempfile::tempdir()?;
    clap_mangen::generate_to(Cli::command(), &made)?;
    fs::create_dir_all(directory)?;
    for page in fs::read_dir(&made)? {
        let page = page?;
        let mut text = fs::read(page.path())?;
        if page.file_name() == "shipper.1" {
            text.extend(settings().to_roff().as_bytes());
        }
        let mut file = NewFile::create(&directory.join(page.file_name()), MODE)?;
        file.write_all(&text)?;
        file.put_in_place()?;
    }
    Ok(Verdict::Healthy)
}

/// The section of the manual page that describes every key.
fn settings() -> Roff {
    let mut section = Roff::new();
    let sources = format!(
        "Keys are read from {DEFAULT_FILE}; the environment wins over the file, and --set KEY=VALUE over both."
    );
    section
        .control("SH", ["CONFIGURATION"])
        .text([roman(sources)]);
    for key in KEYS {
        let default = key.default().map(|text| format!(" [default: {text}]"));
        section.control("TP", []);
        section.text([bold(key.name), roman(default.unwrap_or_default())]);
        section.text([roman(format!("{} It takes {}.", key.help, key.accepts()))]);
    }
    section
}
