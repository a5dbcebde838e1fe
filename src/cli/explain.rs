//! `shipper insight explain`: what of a log is understood, and the shapes of what is not.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::{ConfigSource, Error, Verdict, become_owner, start_logging};
use crate::base::stop::Stop;
use crate::base::terminal::{self, Stream};
use crate::base::when::When;
use crate::cli::args::ReportArgs;
use crate::insight::Logged;
use crate::operate::explain::{Explainer, message_of, table};
use crate::sources::journal::{each_line, readers};

/// Below `insight`.
#[derive(Debug, Subcommand)]
pub enum InsightCommand {
    /// Which lines are understood as what, and the shapes of those that are not, without names and numbers: for a report of a new version
    Explain(ExplainArgs),
}

/// Of `insight explain`.
#[derive(Args, Debug)]
#[group(id = "log", required = true, multiple = false, args = ["journal", "file"])]
pub struct ExplainArgs {
    /// The units that are followed, from the journal
    #[arg(long)]
    pub journal: bool,
    /// A log with a message a line, or as journalctl prints it; `-` for standard input
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Of the journal, from this time on: 2026-11-23, 2026-11-23T14:00:00Z, or 36h (before now)
    #[arg(
        long,
        value_name = "TIME",
        default_value = "24h",
        conflicts_with = "file"
    )]
    pub since: When,
    /// At most this many shapes; 0 for all
    #[arg(long, default_value_t = 20)]
    pub limit: usize,
    /// How to report.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// The most bytes of a line of a file; what follows them is left out.
const LONGEST_LINE: u64 = 1 << 20;

/// Reads the log and reports; the spool is left alone.
///
/// # Errors
/// When the log cannot be read.
pub(super) fn run(source: &ConfigSource, arguments: &ExplainArgs) -> Result<Verdict, Error> {
    let mut explainer = Explainer::default();
    match &arguments.file {
        None => of_journal(source, arguments.since.0, &mut explainer)?,
        Some(file) => of_file(file, &mut explainer)
            .map_err(|error| Error::Log(format!("{}: {error}", file.display())))?,
    }
    let limit = match arguments.limit {
        0 => usize::MAX,
        limit => limit,
    };
    let explanation = explainer.finish(limit);
    if arguments.report.json {
        super::print_json(&explanation)?;
    } else {
        let palette = Stream::Out.palette();
        terminal::print(&table(&explanation, palette, terminal::width()))?;
    }
    Ok(Verdict::Healthy)
}

/// With the rights of the spool's owner, as the service reads it.
fn of_journal(source: &ConfigSource, since: u64, explainer: &mut Explainer) -> Result<(), Error> {
    let raw = source.gather()?;
    let journal = raw.journal()?;
    let local = start_logging(raw.local()?, |local| local);
    become_owner(&local.spool.dir, &[])?;
    let open = Arc::new(readers::open) as _;
    each_line(&open, &journal, since, &Stop::new()?, |unit, line| {
        explainer.line(unit, line);
    })
    .map_err(|error| Error::Log(crate::base::human::causes(&error)))
}

fn of_file(file: &Path, explainer: &mut Explainer) -> io::Result<()> {
    if file == Path::new("-") {
        return of_lines(io::stdin().lock(), explainer);
    }
    of_lines(BufReader::new(File::open(file)?), explainer)
}

fn of_lines(mut log: impl BufRead, explainer: &mut Explainer) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        log.by_ref()
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(());
        }
        if line.last() != Some(&b'\n') {
            log.skip_until(b'\n')?;
        }
        let text = String::from_utf8_lossy(&line);
        if let Some(message) = message_of(text.trim_end_matches(['\n', '\r'])) {
            explainer.line("", Logged::text(message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_any_length_and_bytes_is_one_line() {
        let mut log = vec![b'x'; 3 << 20];
        log.extend(b"\n\xff\xfe\r\n\nlast");
        let mut explainer = Explainer::default();
        of_lines(log.as_slice(), &mut explainer).unwrap();
        assert_eq!(explainer.finish(0).lines, 4);
    }
}
