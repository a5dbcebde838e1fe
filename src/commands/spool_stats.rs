//! `shipper spool stats`: the ledger and what stands beside it.

use std::fmt::{self, Write as _};

use bytesize::ByteSize;

use super::{Error, Verdict, ask};
use crate::cli::ReportArgs;
use crate::config::Local;
use crate::operate::{Answer, Request, ServiceStats, Stats};
use crate::when::When;

/// Prints the stats of the running service, or of the spool that lies there.
///
/// # Errors
/// When neither can be had.
pub(super) async fn run(local: &Local, report: ReportArgs) -> Result<Verdict, Error> {
    if let Answer::Stats(stats) = ask(local, Request::Stats).await? {
        if report.json {
            super::print_json(&stats)?;
        } else {
            print!("{}", Table(&stats, When::now()));
        }
    }
    Ok(Verdict::Healthy)
}

/// The stats for a person, seen at a given moment.
struct Table<'a>(&'a Stats, When);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(stats, now) = *self;
        let spool = &stats.spool;
        let ledger = &spool.ledger;
        writeln!(f, "Ledger")?;
        row(f, "read", &count(ledger.read))?;
        row(f, "= delivered", &count(ledger.delivered))?;
        row(f, "+ pending", &count(ledger.pending))?;
        row(f, "+ quarantined", &count(ledger.quarantined))?;
        row(f, "+ expired", &count(ledger.expired))?;
        writeln!(f, "Spool {}", spool.dir.display())?;
        let disk = ByteSize(spool.disk_bytes);
        row(
            f,
            "on disk",
            &format!("{disk} of {}", ByteSize(spool.max_bytes)),
        )?;
        row(f, "generations", &count(spool.generations))?;
        row(f, "duplicates dropped", &count(spool.duplicates))?;
        row(f, "oldest pending", &moment(spool.oldest_pending, now))?;
        row(f, "newest pending", &moment(spool.newest_pending, now))?;
        match &stats.service {
            Some(service) => service_rows(f, service, now),
            None => writeln!(f, "Service\n  not running"),
        }
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    writeln!(f, "  {name:<20}{value:>14}")
}

/// Digits in groups of three.
fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time and its age.
fn moment(time: Option<u64>, now: When) -> String {
    let Some(time) = time else {
        return "-".to_owned();
    };
    let age = std::time::Duration::from_secs(now.0.saturating_sub(time) / 1_000_000);
    let mut text = When(time).to_rfc3339();
    // Writing to a string cannot fail.
    let _ = write!(text, " ({} ago)", humantime::format_duration(age));
    text
}

fn service_rows(f: &mut fmt::Formatter<'_>, service: &ServiceStats, now: When) -> fmt::Result {
    let (reader, forwarder) = (&service.reader, &service.forwarder);
    writeln!(f, "Reader ({})", reader.reader)?;
    row(f, "last entry", &moment(reader.last_entry, now))?;
    row(f, "gaps", &count(reader.gaps))?;
    if let Some(error) = &reader.last_error {
        row(f, "last error", error)?;
    }
    writeln!(f, "InfluxDB is {}", forwarder.server)?;
    row(f, "requests", &count(forwarder.requests))?;
    row(f, "retries", &count(forwarder.retries))?;
    row(f, "holds", &count(forwarder.holds))?;
    if let Some(error) = &forwarder.last_error {
        row(f, "last error", error)?;
    }
    if let Some(next) = forwarder.next_retry {
        row(f, "next try", &When(next).to_rfc3339())?;
    }
    Ok(())
}
