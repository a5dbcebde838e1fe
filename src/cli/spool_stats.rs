//! `shipper spool stats`: the ledger and what stands beside it.

use std::cmp::Reverse;
use std::io::{self, Write as _};

use super::{Error, Shipper, Verdict};
use crate::base::human::{self, Palette, Tone, count, moment, span};
use crate::base::when::When;
use crate::cli::args::ReportArgs;
use crate::counters::intake::Understood;
use crate::counters::stats::{self, ServiceStats, Stats};

/// Kinds of lines that the table names.
const KINDS_SHOWN: usize = 3;

/// Prints the stats of the running service, or of the spool that lies there.
///
/// # Errors
/// When neither can be had.
pub(super) async fn run(shipper: Shipper, report: ReportArgs) -> Result<Verdict, Error> {
    let stats = shipper.stats().await?;
    shipper.close().await?;
    if report.json {
        super::print_json(&stats)?;
    } else {
        let mut out = io::stdout();
        let palette = human::colours(&out);
        out.write_all(table(&stats, palette).as_bytes())?;
    }
    Ok(Verdict::Healthy)
}

/// One row: what, how much, and what that says.
struct Row {
    name: &'static str,
    value: String,
    tone: Tone,
}

/// Rows below a heading.
struct Section {
    heading: String,
    rows: Vec<Row>,
}

impl Section {
    fn new(heading: impl Into<String>) -> Self {
        Self {
            heading: heading.into(),
            rows: Vec::new(),
        }
    }

    fn row(&mut self, name: &'static str, value: String) -> &mut Self {
        self.toned(name, value, Tone::Neutral)
    }

    fn toned(&mut self, name: &'static str, value: String, tone: Tone) -> &mut Self {
        self.rows.push(Row { name, value, tone });
        self
    }
}

/// The stats for a person.
pub(super) fn table(stats: &Stats, palette: Palette) -> String {
    let mut text = String::new();
    for section in sections(stats) {
        text.push_str(&palette.paint(Tone::Heading, &section.heading));
        text.push('\n');
        for Row { name, value, tone } in section.rows {
            let value = palette.paint(tone, &value);
            text.push_str(&format!("  {name:<20}  {value}\n"));
        }
    }
    text
}

fn sections(stats: &Stats) -> Vec<Section> {
    let now = When(stats.at);
    let mut sections = vec![ledger(stats), spool(stats, now)];
    match &stats.service {
        Some(service) => sections.extend([reader(service, now), forwarder(service, now)]),
        None => sections.push(Section::new("Service: not running")),
    }
    sections
}

/// Numbers of the ledger, right-aligned so that the sum can be seen.
fn ledger(stats: &Stats) -> Section {
    let ledger = &stats.spool.ledger;
    let number = |number: u64| format!("{:>14}", count(number));
    let tone = |number, tone| if number > 0 { tone } else { Tone::Neutral };
    let mut section = Section::new("Ledger");
    section
        .row("  read", number(ledger.read))
        .row("= delivered", number(ledger.delivered))
        .row("+ pending", number(ledger.pending))
        .toned(
            "+ quarantined",
            number(ledger.quarantined),
            tone(ledger.quarantined, Tone::Bad),
        )
        .toned(
            "+ expired",
            number(ledger.expired),
            tone(ledger.expired, Tone::Warn),
        );
    if !ledger.is_balanced() {
        section.toned(
            "does not add up",
            "this is a bug: please report it".to_owned(),
            Tone::Bad,
        );
    }
    section
}

fn spool(stats: &Stats, now: When) -> Section {
    let spool = &stats.spool;
    let mut section = Section::new(format!("Spool {}", spool.dir.display()));
    let tone = match spool.trouble {
        Some(_) => Tone::Bad,
        None => Tone::Neutral,
    };
    section.toned("on disk", stats::fill(spool), tone);
    if let Some(trouble) = spool.trouble {
        section.toned("takes nothing", trouble.to_string(), Tone::Bad);
    }
    if let Some(bytes) = spool.free_bytes {
        section.row("file system", format!("{} free", human::size(bytes)));
    }
    section
        .row("generations", count(spool.generations))
        .row("entries held", count(spool.held))
        .row("duplicates dropped", count(spool.duplicates))
        .row("oldest pending", moment(spool.oldest_pending, now))
        .row("newest pending", moment(spool.newest_pending, now));
    if let Some(aside) = &spool.aside {
        section.toned("put aside", aside.clone(), Tone::Warn);
    }
    if let Some(recovery) = &spool.last_recovery {
        section.toned("last repair", recovery.clone(), Tone::Warn);
    }
    section
}

fn reader(service: &ServiceStats, now: When) -> Section {
    let reader = &service.reader;
    let name = if reader.reader.is_empty() {
        "not opened yet"
    } else {
        &reader.reader
    };
    let mut section = Section::new(format!("Reader: {name}"));
    section
        .row("last entry", moment(reader.last_entry, now))
        .row("end reached", moment(reader.caught_up_at, now))
        .row("entries", count(reader.entries))
        .row("lines understood", understood(&reader.understood));
    let counted = [
        ("gaps", reader.gaps),
        ("truncated", reader.truncated),
        ("damaged", reader.damaged),
        ("stalls stepped over", reader.stalls),
        ("cursors rejected", reader.rejected_cursors),
        ("restarts", reader.restarts),
    ];
    for (name, number) in counted.into_iter().filter(|(_, number)| *number > 0) {
        section.toned(name, count(number), Tone::Warn);
    }
    if reader.waiting_for_room {
        section.toned("waits", "for room in the spool".to_owned(), Tone::Bad);
    }
    if let Some(error) = &reader.last_error {
        section.toned("error", error.clone(), Tone::Bad);
    }
    section
}

/// How many, and of what kind most of them: `1,240: 1,200 request, 30 memory, 8 load_done, 2 more`.
fn understood(understood: &Understood) -> String {
    let mut kinds: Vec<_> = understood.kinds.iter().collect();
    kinds.sort_by_key(|(_, lines)| Reverse(**lines));
    let (shown, left) = kinds.split_at(kinds.len().min(KINDS_SHOWN));
    let mut parts: Vec<_> = shown
        .iter()
        .map(|(kind, lines)| format!("{} {kind}", count(**lines)))
        .collect();
    let left: u64 = left.iter().map(|(_, lines)| **lines).sum();
    parts.extend((left > 0).then(|| format!("{} more", count(left))));
    match understood.lines {
        0 => "0".to_owned(),
        lines => format!("{}: {}", count(lines), parts.join(", ")),
    }
}

fn forwarder(service: &ServiceStats, now: When) -> Section {
    use crate::counters::forward::ServerState;
    let forwarder = &service.forwarder;
    let tone = match forwarder.server {
        ServerState::Well => Tone::Good,
        ServerState::Untried => Tone::Neutral,
        ServerState::Down => Tone::Warn,
        ServerState::OnHold => Tone::Bad,
    };
    let mut section = Section::new("InfluxDB");
    section.toned("server", forwarder.server.to_string(), tone);
    if let Some(since) = forwarder.outage_since {
        section.toned("takes nothing since", moment(Some(since), now), Tone::Warn);
    }
    if let Some(next) = forwarder.next_retry {
        let left = std::time::Duration::from_micros(next.saturating_sub(now.0));
        section.row("next try", format!("in {}", span(left)));
    }
    section
        .row("lines delivered", count(forwarder.delivered_lines))
        .row("requests", count(forwarder.requests))
        .row("retries", count(forwarder.retries + forwarder.holds));
    if forwarder.refused_points > 0 {
        section.toned(
            "points refused",
            count(forwarder.refused_points),
            Tone::Warn,
        );
    }
    if let Some(error) = &forwarder.last_error {
        let tone = if forwarder.outage_since.is_some() {
            Tone::Bad
        } else {
            Tone::Neutral
        };
        section.toned("last error", error.clone(), tone);
        section.row("", moment(forwarder.last_error_at, now));
    }
    section
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::stats::tests::stats;

    #[test]
    fn a_plain_table_shows_the_ledger_and_has_no_colour() {
        let text = table(&stats(12_340), Palette::Plain);
        assert!(
            text.contains("+ pending                     12,340\n"),
            "{text}"
        );
        assert!(
            text.contains("  on disk               5.0 MiB of 2.0 GiB\n"),
            "{text}"
        );
        assert!(!text.contains('\x1b'));
        assert!(table(&stats(1), Palette::Colour).contains("\x1b[1mLedger\x1b[0m"));
    }

    #[test]
    fn lines_understood_are_told_by_their_kinds_the_most_frequent_first() {
        let mut known = Understood::default();
        assert_eq!(understood(&known), "0");
        known.lines = 1_240;
        let kinds = [
            ("abort", 1),
            ("load_done", 8),
            ("memory", 30),
            ("oom", 1),
            ("request", 1_200),
        ];
        known.kinds = kinds.map(|(kind, lines)| (kind.to_owned(), lines)).into();
        let text = understood(&known);
        assert_eq!(text, "1,240: 1,200 request, 30 memory, 8 load_done, 2 more");
    }

    #[test]
    fn a_ledger_that_does_not_add_up_is_said() {
        let mut broken = stats(1);
        assert!(!table(&broken, Palette::Plain).contains("does not add up"));
        broken.spool.ledger.read += 1;
        assert!(table(&broken, Palette::Plain).contains("does not add up"));
    }
}
