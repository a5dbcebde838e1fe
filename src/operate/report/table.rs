//! A report for a terminal: aligned columns, small bars.

use std::fmt::{self, Write as _};
use std::time::Duration;

use bytesize::ByteSize;

use super::model::{Outage, Percentiles, Report};
use crate::base::when::When;

/// Columns of the longest bar.
const BAR: u64 = 12;
/// Rows of each table.
const ROWS: usize = 15;

/// The report as text, about 90 columns wide.
#[derive(Debug)]
pub struct Table<'a>(pub &'a Report);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        let Some((from, to)) = report.span else {
            return writeln!(f, "The spool holds nothing of that time.");
        };
        writeln!(
            f,
            "{} to {}, {} lines",
            When(from).to_rfc3339(),
            When(to).to_rfc3339(),
            report.lines
        )?;
        requests(f, report)?;
        loads(f, report)?;
        counted(
            f,
            "Events",
            report.events.iter().map(|(kind, count)| (*kind, *count)),
        )?;
        outages(f, report)?;
        speeds(f, report)?;
        memory(f, report)?;
        sized(
            f,
            "Models",
            report
                .models
                .iter()
                .map(|(name, size)| (name.as_str(), *size)),
        )
    }
}

fn requests(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    if report.requests.is_empty() {
        return writeln!(f, "\nRequests\n  none");
    }
    writeln!(
        f,
        "\n{:<46}{:>8}  {:<12}  {:>8}{:>8}{:>8}",
        "Requests", "count", "", "p50", "p95", "p99"
    )?;
    let most = report
        .requests
        .iter()
        .map(|row| row.count)
        .max()
        .unwrap_or(0);
    for row in report.requests.iter().take(ROWS) {
        let what = format!("{} {} {}", row.status, row.method, row.route);
        writeln!(
            f,
            "  {what:<44}{:>8}  {}  {}",
            row.count,
            bar(row.count, most),
            latencies(row.latency_ms)
        )?;
    }
    left_out(f, report.requests.len())
}

fn latencies(percentiles: Percentiles) -> String {
    let mut text = String::new();
    for ms in [percentiles.p50, percentiles.p95, percentiles.p99] {
        // Writing to a string cannot fail.
        let _ = write!(text, "{:>8}", duration(ms));
    }
    text
}

fn loads(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    if report.loads.is_empty() {
        return Ok(());
    }
    writeln!(
        f,
        "\n{:<46}{:>8}  {:<12}  {:>8}{:>8}{:>8}",
        "Loads", "done", "failed", "p50", "p95", "p99"
    )?;
    for load in report.loads.iter().take(ROWS) {
        let took = load.seconds.map(|seconds| Percentiles {
            p50: seconds.p50 * 1e3,
            p95: seconds.p95 * 1e3,
            p99: seconds.p99 * 1e3,
        });
        let took = took.map_or_else(String::new, latencies);
        writeln!(
            f,
            "  {:<44}{:>8}  {:<12}  {took}",
            load.model, load.done, load.failed
        )?;
    }
    left_out(f, report.loads.len())
}

fn outages(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    if report.outages.is_empty() {
        return Ok(());
    }
    writeln!(f, "\nInfluxDB took nothing")?;
    for outage in report.outages.iter().take(ROWS) {
        let (since, length) = (When(outage.since).to_rfc3339(), lasted(outage));
        writeln!(f, "  {since:<44}{length:>8}")?;
    }
    left_out(f, report.outages.len())
}

/// How long an outage was: `4.5m`, or `over 4.5m` while nobody knows its end.
pub(super) fn lasted(outage: &Outage) -> String {
    let length = Duration::from_secs(outage.seconds);
    let length = duration(length.as_secs_f64() * 1e3);
    if outage.is_over {
        length
    } else {
        format!("over {length}")
    }
}

fn speeds(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    if report.speeds.is_empty() {
        return Ok(());
    }
    writeln!(
        f,
        "\n{:<46}{:>8}  {:<12}  {:>8}{:>8}{:>8}",
        "Tokens per second", "tokens", "", "p50", "p95", "p99"
    )?;
    for speed in &report.speeds {
        let Percentiles { p50, p95, p99 } = speed.per_second;
        writeln!(
            f,
            "  {:<44}{:>8}  {:<12}  {p50:>8.1}{p95:>8.1}{p99:>8.1}",
            speed.phase, speed.tokens, ""
        )?;
    }
    Ok(())
}

fn memory(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    let names: Vec<_> = report
        .memory
        .iter()
        .map(|row| format!("{} {}", row.device, row.part))
        .collect();
    let sizes = names
        .iter()
        .zip(&report.memory)
        .map(|(name, row)| (name.as_str(), row.bytes));
    sized(f, "Memory, as last printed", sizes)
}

fn counted<'a>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    rows: impl ExactSizeIterator<Item = (&'a str, u64)> + Clone,
) -> fmt::Result {
    bars(f, title, rows, |count| count.to_string())
}

fn sized<'a>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    rows: impl ExactSizeIterator<Item = (&'a str, u64)> + Clone,
) -> fmt::Result {
    bars(f, title, rows, |bytes| ByteSize(bytes).to_string())
}

fn bars<'a>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    rows: impl ExactSizeIterator<Item = (&'a str, u64)> + Clone,
    show: impl Fn(u64) -> String,
) -> fmt::Result {
    let Some(most) = rows.clone().map(|(_, amount)| amount).max() else {
        return Ok(());
    };
    writeln!(f, "\n{title}")?;
    let len = rows.len();
    for (name, amount) in rows.take(ROWS) {
        writeln!(
            f,
            "  {name:<40}{:>12}  {}",
            show(amount),
            bar(amount, most).trim_end()
        )?;
    }
    left_out(f, len)
}

fn left_out(f: &mut fmt::Formatter<'_>, len: usize) -> fmt::Result {
    match len.saturating_sub(ROWS) {
        0 => Ok(()),
        more => writeln!(f, "  … and {more} more"),
    }
}

/// A bar of `amount` where `most` fills the column, in eighths of a character; what is not nothing shows.
fn bar(amount: u64, most: u64) -> String {
    const EIGHTHS: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
    let scaled = u128::from(amount.min(most)) * u128::from(BAR * 8) / u128::from(most.max(1));
    let eighths = usize::try_from(scaled)
        .unwrap_or(0)
        .max(usize::from(amount > 0));
    let mut bar = "█".repeat(eighths / 8);
    bar.extend(
        eighths
            .checked_rem(8)
            .filter(|rest| *rest > 0)
            .map(|rest| EIGHTHS[rest - 1]),
    );
    format!("{bar:<width$}", width = usize::try_from(BAR).unwrap_or(0))
}

/// Milliseconds in the unit a person would choose, three digits or so.
pub(super) fn duration(ms: f64) -> String {
    match ms {
        ms if ms < 1.0 => format!("{:.0}µs", ms * 1e3),
        ms if ms < 1e3 => format!("{ms:.1}ms"),
        ms if ms < 60e3 => format!("{:.1}s", ms / 1e3),
        ms if ms < 3600e3 => format!("{:.1}m", ms / 60e3),
        ms => format!("{:.1}h", ms / 3600e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_fill_their_column_and_never_vanish() {
        assert_eq!(bar(0, 10), " ".repeat(12));
        assert_eq!(bar(10, 10), "█".repeat(12));
        assert_eq!(bar(1, 1_000_000).trim_end(), "▏");
        assert_eq!(bar(5, 0).trim_end(), "▏");
    }

    #[test]
    fn durations_have_the_unit_a_person_would_choose() {
        let shown = [0.0, 0.414, 12.34, 2_500.0, 90_000.0, 5_400_000.0].map(duration);
        assert_eq!(shown, ["0µs", "414µs", "12.3ms", "2.5s", "1.5m", "1.5h"]);
    }
}
