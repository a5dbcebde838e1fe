//! `shipper demo`: the whole way on built-in data, with an outage and a crash in the middle.
//!
//! The service is the real one, in a child process, on a real spool in a temporary directory. Only its journal (the
//! sample) and its server (the endpoint) are built in.

mod endpoint;
mod sample;
mod service;
mod stage;

use std::collections::HashMap;
use std::time::Duration;

use clap::Args;

use crate::base::columns::{Cell, Column, TableRow, columns};
use crate::base::human::Palette;
use crate::base::terminal::{self, say};
use crate::base::when::When;
use crate::cli::{Error, Verdict};
use crate::config::Config;
use crate::counters::stats::Ledger;
use endpoint::{Endpoint, Tally};
use stage::{DemoProgress, Service};

/// Of `demo-service`.
#[derive(Args, Debug)]
pub struct DemoServiceArgs {
    /// Microseconds since the Unix epoch at which the sample began
    #[arg(long)]
    pub started_at: u64,
}

/// Longer than any step takes on a slow machine; a demo that hangs has failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs the demo.
///
/// # Errors
/// When the demo cannot be played at all: no temporary directory, no child process.
pub(super) async fn run() -> Result<Verdict, Error> {
    let directory = tempfile::tempdir()?;
    let endpoint = Endpoint::start(stage::TOKEN).await?;
    let started_at = When::now().0;
    let start = || Service::start(directory.path(), &endpoint.url(), started_at);
    let progress = DemoProgress::new(sample::ENTRIES);

    progress
        .say("a journal fills with lines of Ollama; the service reads, spools and sends them")?;
    let mut service = start()?;
    let quarter = sample::ENTRIES / 4;
    progress
        .until(&endpoint, PATIENCE, || {
            endpoint.tally().log_points as u64 >= quarter
        })
        .await?;

    progress.say("InfluxDB goes down; the service goes on reading into its spool")?;
    endpoint.go_down();
    service.until_read(2 * quarter, PATIENCE).await?;

    progress.say("the service is killed (SIGKILL), and started again")?;
    service.kill().await?;
    let mut service = start()?;
    service.until_read(3 * quarter, PATIENCE).await?;

    progress.say("InfluxDB comes back")?;
    endpoint.come_back();
    let all = || endpoint.tally().log_points as u64 >= sample::ENTRIES;
    progress.until(&endpoint, PATIENCE, all).await?;
    let ledger = service.until_drained(PATIENCE).await?;
    service.stop().await?;
    progress.finish();

    let difference = Difference::between(&endpoint.messages());
    print_ledger(&ledger, endpoint.tally(), &difference)?;
    Ok(if difference.is_none() && ledger.is_balanced() {
        Verdict::Healthy
    } else {
        Verdict::Unhealthy
    })
}

/// Runs the service that the demo starts and kills.
///
/// # Errors
/// Those of the service.
pub(super) async fn run_service(
    config: Config,
    arguments: &DemoServiceArgs,
) -> Result<Verdict, Error> {
    service::run(config, arguments.started_at).await
}

/// How the stored messages differ from the sample's.
#[derive(Debug, Default, PartialEq, Eq)]
struct Difference {
    missing: u64,
    doubled: u64,
}

impl Difference {
    /// Compares as multisets: equal lines count as often as they were logged.
    fn between(stored: &[String]) -> Self {
        let mut balance: HashMap<&str, i64> = HashMap::new();
        let expected: Vec<String> = (0..sample::ENTRIES).map(sample::message).collect();
        for message in &expected {
            *balance.entry(message).or_default() += 1;
        }
        for message in stored {
            *balance.entry(message).or_default() -= 1;
        }
        let sum = |values: &mut dyn Iterator<Item = i64>| values.map(i64::unsigned_abs).sum();
        Self {
            missing: sum(&mut balance.values().copied().filter(|left| *left > 0)),
            doubled: sum(&mut balance.values().copied().filter(|left| *left < 0)),
        }
    }

    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

fn print_ledger(ledger: &Ledger, tally: Tally, difference: &Difference) -> Result<(), Error> {
    let facts = [
        ("entries in the journal", sample::ENTRIES),
        ("distinct points stored", tally.log_points as u64),
        ("missing", difference.missing),
        ("doubled", difference.doubled),
        ("lines sent, resends too", tally.lines as u64),
        ("requests lost in outage", tally.dropped as u64),
    ];
    let rows = facts.map(|(name, count)| TableRow::new([Cell::new(name), Cell::new(count)]));
    let kinds = [Column::Left, Column::Right];
    terminal::print(&columns(&kinds, rows, terminal::width(), Palette::Plain))?;
    say(ledger)?;
    say(match difference.is_none() {
        true => "every entry arrived exactly once",
        false => "ENTRIES ARE MISSING OR DOUBLED: this is a bug",
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_missing_or_doubled_entry_is_seen() {
        let mut stored: Vec<String> = (0..sample::ENTRIES).map(sample::message).collect();
        assert!(Difference::between(&stored).is_none());
        let one = stored.pop().unwrap();
        let missing = Difference {
            missing: 1,
            doubled: 0,
        };
        assert_eq!(Difference::between(&stored), missing);
        stored.extend([one.clone(), one]);
        let doubled = Difference {
            missing: 0,
            doubled: 1,
        };
        assert_eq!(Difference::between(&stored), doubled);
    }
}
