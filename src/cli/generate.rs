//! Completions and man pages, made from the command line's definition.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_mangen::roff::{Roff, bold, roman};

use super::{Error, Verdict};
use crate::cli::args::Cli;
use crate::config::{DEFAULT_FILE, KEYS};

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
    fs::create_dir_all(directory)?;
    clap_mangen::generate_to(Cli::command(), directory)?;
    let mut page = OpenOptions::new()
        .append(true)
        .open(directory.join("shipper.1"))?;
    page.write_all(settings().to_roff().as_bytes())?;
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
