//! What later speed work is held against: the whole way over requests, and the drain of a full spool.

use std::fmt;

use support::journal::requests;

use crate::Outcome;
use crate::contender::{Contender, DEFAULTS, WITHOUT_GZIP, WITHOUT_INSIGHT};
use crate::cost::Cost;
use crate::figures::Figures;
use crate::pipeline::{journal, measure};
use crate::scale;

const CONTENDERS: [Contender; 4] = [
    Contender::Yardstick,
    Contender::Shipper(DEFAULTS),
    Contender::Shipper(WITHOUT_INSIGHT),
    Contender::Shipper(WITHOUT_GZIP),
];
/// A full spool is drained so often: one run says nothing of the spread.
const DRAINS: [u64; 5] = [1_000_000; 5];

/// Prints medians, and of the ratios what the single rounds gave.
pub(crate) fn run(entries: usize, rounds: usize) -> Outcome<()> {
    let dir = journal("requests", entries, requests(entries))?;
    let message_bytes: usize = requests(entries).map(|entry| entry.message().len()).sum();
    println!(
        "\n{entries} entries, 55 % of them requests, {message_bytes} bytes of messages; {rounds} rounds, interleaved, \
         medians (least to most of the rounds)"
    );
    let figures = measure(&dir, entries, rounds, &CONTENDERS)?;
    print(&figures, entries, message_bytes)?;
    println!("\nA full spool");
    scale::run(&DRAINS)
}

fn print(figures: &[Figures], entries: usize, message_bytes: usize) -> Outcome<()> {
    println!(
        "{:<23} {:>22} {:>22} {:>9} {:>8} {:>10} {:>8}",
        "", "wall ratio", "CPU ratio", "CPU-s", "VmHWM", "disk bytes", "points"
    );
    println!(
        "{:<23} {:>22} {:>22} {:>9} {:>8} {:>10} {:>8}",
        "", "", "", "per 100k", "MB", "per byte", ""
    );
    let yardstick = figures.first().ok_or("nothing was measured")?;
    for of in figures {
        let ratios = |figure: fn(&Cost) -> f64| {
            let rounds = of.rounds.iter().zip(&yardstick.rounds);
            Spread::of(rounds.map(|(one, other)| figure(one) / figure(other)))
        };
        println!(
            "{:<23} {:>22} {:>22} {:>9.2} {:>8.1} {:>10.2} {:>8}",
            of.contender.name(),
            ratios(|cost| cost.wall.as_secs_f64()),
            ratios(|cost| cost.cpu.as_secs_f64()),
            of.cpu * 1e5 / entries as f64,
            of.peak_rss_kb as f64 * 1.024e-3,
            of.written_bytes as f64 / message_bytes as f64,
            of.tally.lines,
        );
    }
    Ok(())
}

/// A figure of all rounds.
struct Spread {
    least: f64,
    median: f64,
    most: f64,
}

impl Spread {
    fn of(figures: impl Iterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = figures.collect();
        sorted.sort_by(f64::total_cmp);
        let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::NAN);
        Self {
            least: at(0),
            median: at(sorted.len() / 2),
            most: at(sorted.len().saturating_sub(1)),
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.2} ({:.2} to {:.2})", self.median, self.least, self.most);
        out.pad(&text)
    }
}
