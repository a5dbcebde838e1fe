//! Completions and man pages, made from the command line's definition.

use std::fs;
use std::io;
use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Error, Verdict};
use crate::cli::args::Cli;

/// Writes the completion script for `shell` to standard output.
///
/// # Errors
/// None.
pub(super) fn completions(shell: Shell) -> Result<Verdict, Error> {
    clap_complete::generate(shell, &mut Cli::command(), "shipper", &mut io::stdout());
    Ok(Verdict::Healthy)
}

/// Writes `shipper.1` and a page for each command into `directory`.
///
/// # Errors
/// When the directory cannot be written to.
pub(super) fn man_pages(directory: &Path) -> Result<Verdict, Error> {
    fs::create_dir_all(directory)?;
    clap_mangen::generate_to(Cli::command(), directory)?;
    Ok(Verdict::Healthy)
}
