//! What was measured of a contender, and how it is printed.

use support::endpoint::Tally;

use crate::contender::Contender;
use crate::cost::Cost;

/// The medians of one contender.
pub(crate) struct Figures {
    pub(crate) contender: Contender,
    /// Seconds.
    pub(crate) wall: f64,
    /// Seconds.
    pub(crate) cpu: f64,
    pub(crate) peak_rss_kb: u64,
    pub(crate) written_bytes: u64,
    /// Of each round, in their order.
    pub(crate) rounds: Vec<Cost>,
    pub(crate) tally: Tally,
}

/// A table, each beside the first.
pub(crate) fn print(figures: &[Figures], entries: usize) {
    println!(
        "{:<27} {:>9} {:>6} {:>9} {:>6} {:>7} {:>8} {:>8} {:>6} {:>9}",
        "", "entries/s", "wall", "CPU-s", "CPU", "RSS", "disk", "wire", "of", "distinct"
    );
    println!(
        "{:<27} {:>9} {:>6} {:>9} {:>6} {:>7} {:>8} {:>8} {:>6} {:>9}",
        "", "", "ratio", "per 100k", "ratio", "MB", "MB", "MB", "lines", "points"
    );
    let Some(yardstick) = figures.first() else {
        return;
    };
    for of in figures {
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        println!(
            "{:<27} {:>9.0} {:>6.2} {:>9.2} {:>6.2} {:>7.1} {:>8.1} {:>8.1} {:>6.2} {:>9}",
            of.contender.name(),
            entries as f64 / of.wall,
            of.wall / yardstick.wall,
            of.cpu * 1e5 / entries as f64,
            of.cpu / yardstick.cpu,
            of.peak_rss_kb as f64 * 1.024e-3,
            megabytes(of.written_bytes),
            megabytes(of.tally.wire_bytes),
            of.tally.wire_bytes as f64 / (of.tally.line_bytes.max(1)) as f64,
            of.tally.distinct_logs,
        );
    }
}
