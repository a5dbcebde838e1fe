//! A report for a terminal: one table, so that the columns of its parts line up, with small bars.

use std::fmt;
use std::iter::once;
use std::time::Duration;

use bytesize::ByteSize;

use super::model::{Overview, ReportedOutage};
use crate::base::columns::{Cell, Column, TableRow, columns};
use crate::base::human::Palette;
use crate::base::terminal::Safe;
use crate::base::when::When;

/// Characters of the longest bar.
const BAR: u64 = 12;
/// Rows of each part.
const ROWS: usize = 15;
/// Characters of a line of [`Table`] as it is displayed.
const WIDTH: usize = 92;
/// What it is, how much, a bar or another number, three percentiles.
const COLUMNS: [Column; 6] = [
    Column::Rest,
    Column::Right,
    Column::Left,
    Column::Right,
    Column::Right,
    Column::Right,
];

/// The report as text.
#[derive(Debug)]
pub struct Table<'a>(pub &'a Overview);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.of_width(WIDTH).as_str())
    }
}

impl Table<'_> {
    /// In lines of at most so many characters.
    #[must_use]
    pub(crate) fn of_width(&self, width: usize) -> Safe {
        let report = self.0;
        let Some((from, to)) = report.span else {
            return Safe::lines("The spool holds nothing of that time.\n");
        };
        let (from, to) = (When(from).to_rfc3339(), When(to).to_rfc3339());
        let mut text = Safe::lines(format_args!("{from} to {to}, {} lines\n", report.lines));
        if report.requests.is_empty() {
            text.push(&Safe::lines("\nRequests\n  none\n"));
        }
        let events = report.events.iter().map(|(kind, count)| (*kind, *count));
        let models = report.models.iter();
        let models = models.map(|(name, size)| (name.as_str(), *size));
        let parts = [
            requests(report),
            loads(report),
            bars("Events", events, |count| count.to_string()),
            outages(report),
            speeds(report),
            memory(report),
            bars("Models", models, size),
        ];
        let rows = parts.into_iter().flatten();
        text.push(&columns(&COLUMNS, rows, width, Palette::Plain));
        text
    }
}

/// A blank line, the heading, the first of `rows`, and how many more there are; nothing when there are none.
fn part(heading: [&str; 6], rows: impl ExactSizeIterator<Item = [String; 6]>) -> Vec<TableRow> {
    let more = rows.len().saturating_sub(ROWS);
    let more = (more > 0).then(|| format!("  … and {more} more"));
    let more = more.map(|more| TableRow::new([Cell::new(more)]));
    let mut rows = rows.take(ROWS).map(|[name, others @ ..]| {
        let name = Cell::new(format_args!("  {name}"));
        TableRow::new(once(name).chain(others.map(Cell::new)))
    });
    let Some(first) = rows.next() else {
        return Vec::new();
    };
    let heading = TableRow::new(heading.map(Cell::new));
    let heading = [TableRow::new([]), heading, first];
    heading.into_iter().chain(rows).chain(more).collect()
}

fn requests(report: &Overview) -> Vec<TableRow> {
    let most = report.requests.iter().map(|row| row.count).max();
    let rows = report.requests.iter().map(|row| {
        let [p50, p95, p99] = row.latency_ms.each(duration);
        let name = format!("{} {} {}", row.status, row.method, row.route);
        let bar = bar(row.count, most.unwrap_or(0));
        [name, row.count.to_string(), bar, p50, p95, p99]
    });
    part(["Requests", "count", "", "p50", "p95", "p99"], rows)
}

fn loads(report: &Overview) -> Vec<TableRow> {
    let rows = report.loads.iter().map(|load| {
        let took = load.seconds;
        let took = took.map(|seconds| seconds.each(|seconds| duration(seconds * 1e3)));
        let [p50, p95, p99] = took.unwrap_or_default();
        let (done, failed) = (load.done.to_string(), load.failed.to_string());
        [load.model.clone(), done, failed, p50, p95, p99]
    });
    part(["Loads", "done", "failed", "p50", "p95", "p99"], rows)
}

fn outages(report: &Overview) -> Vec<TableRow> {
    let rows = report.outages.iter();
    let rows = rows.map(|outage| two(When(outage.since).to_rfc3339(), lasted(outage)));
    part(["InfluxDB took nothing", "", "", "", "", ""], rows)
}

/// How long an outage was: `4.5m`, or `over 4.5m` while nobody knows its end.
pub(super) fn lasted(outage: &ReportedOutage) -> String {
    let length = Duration::from_secs(outage.seconds);
    let length = duration(length.as_secs_f64() * 1e3);
    if outage.is_over {
        length
    } else {
        format!("over {length}")
    }
}

fn speeds(report: &Overview) -> Vec<TableRow> {
    let rows = report.speeds.iter().map(|speed| {
        let [p50, p95, p99] = speed.per_second.each(|rate| format!("{rate:.1}"));
        let (phase, tokens) = (speed.phase.to_owned(), speed.tokens.to_string());
        [phase, tokens, String::new(), p50, p95, p99]
    });
    let heading = ["Tokens per second", "tokens", "", "p50", "p95", "p99"];
    part(heading, rows)
}

fn memory(report: &Overview) -> Vec<TableRow> {
    let uses = report.memory.iter();
    let uses: Vec<_> = uses
        .map(|of| (format!("{} {}", of.device, of.part), of.bytes))
        .collect();
    let rows = uses.iter().map(|(name, bytes)| (name.as_str(), *bytes));
    bars("Memory, as last printed", rows, size)
}

fn bars<'a>(
    heading: &str,
    rows: impl ExactSizeIterator<Item = (&'a str, u64)> + Clone,
    show: impl Fn(u64) -> String,
) -> Vec<TableRow> {
    let most = rows.clone().map(|(_, amount)| amount).max().unwrap_or(0);
    let rows = rows.map(|(name, amount)| {
        let [name, shown, _, p50, p95, p99] = two(name.to_owned(), show(amount));
        [name, shown, bar(amount, most), p50, p95, p99]
    });
    part([heading, "", "", "", "", ""], rows)
}

/// A row that has only so much.
fn two(name: String, amount: String) -> [String; 6] {
    let [c, d, e, f] = <[String; 4]>::default();
    [name, amount, c, d, e, f]
}

fn size(bytes: u64) -> String {
    ByteSize(bytes).to_string()
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
    bar
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
        assert_eq!(bar(0, 10), "");
        assert_eq!(bar(10, 10), "█".repeat(12));
        assert_eq!(bar(1, 1_000_000), "▏");
        assert_eq!(bar(5, 0), "▏");
    }

    #[test]
    fn durations_have_the_unit_a_person_would_choose() {
        let shown = [0.0, 0.414, 12.34, 2_500.0, 90_000.0, 5_400_000.0].map(duration);
        assert_eq!(shown, ["0µs", "414µs", "12.3ms", "2.5s", "1.5m", "1.5h"]);
    }
}
