//! `shipper spool stats`: the ledger and what stands beside it.

use std::cmp::Reverse;
use std::time::Duration;

use super::{Error, Shipper, Verdict};
use crate::base::human::{self, Palette, Tone, count, moment, span};
use crate::base::terminal::{self, Safe, Stream};
use crate::base::when::When;
use crate::cli::args::ReportArgs;
use crate::counters::forward::{ForwardStatus, ServerState};
use crate::counters::intake::{IntakeStatus, Understood};
use crate::counters::ollama::OllamaStatus;
use crate::counters::stats::{Ledger, ServiceStats, SpoolStats, Stats};
use crate::counters::table::{Row, StatValue, Unit};
use crate::counters::words;

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
        terminal::print(&table(&stats, Stream::Out.palette()))?;
    }
    Ok(Verdict::Healthy)
}

/// One line: what, how much, and what that says.
struct TableLine {
    name: &'static str,
    value: String,
    tone: Tone,
}

/// Lines below a heading.
struct Section {
    heading: String,
    lines: Vec<TableLine>,
}

impl Section {
    fn new(heading: impl Into<String>) -> Self {
        Self {
            heading: heading.into(),
            lines: Vec::new(),
        }
    }

    fn line(&mut self, name: &'static str, value: String, tone: Tone) {
        self.lines.push(TableLine { name, value, tone });
    }

    /// A line for each of `rows` that informs, whatever its value.
    fn facts(&mut self, rows: &[Row], stats: &Stats) {
        for row in rows {
            if let Some((Tone::Neutral, name)) = row.row {
                let value = (row.get)(stats);
                self.line(name, in_words(row.unit, value, stats), Tone::Neutral);
            }
        }
    }

    /// A line for each of `rows` that warns, if there is something to say.
    fn warnings(&mut self, rows: &[Row], stats: &Stats) {
        for row in rows {
            let value = (row.get)(stats);
            match row.row {
                Some((tone, name)) if tone != Tone::Neutral && says_something(value) => {
                    self.line(name, in_words(row.unit, value, stats), tone);
                }
                _ => {}
            }
        }
    }
}

fn says_something(value: Option<StatValue<'_>>) -> bool {
    !matches!(value, None | Some(StatValue::Number(0)))
}

fn in_words(unit: Unit, value: Option<StatValue<'_>>, stats: &Stats) -> String {
    match (value, unit) {
        (Some(StatValue::Number(time)), Unit::Time) => moment(Some(time), When(stats.at)),
        (Some(StatValue::Number(micros)), Unit::Duration) => span(Duration::from_micros(micros)),
        (Some(StatValue::Number(bytes)), Unit::Bytes) => human::size(bytes),
        (Some(StatValue::Number(number)), _) => count(number),
        (Some(StatValue::Text(text)), _) => text.to_owned(),
        _ => "-".to_owned(),
    }
}

/// The stats for a person.
pub(super) fn table(stats: &Stats, palette: Palette) -> Safe {
    let mut text = Safe::default();
    for section in sections(stats) {
        text.push(&palette.paint(Tone::Heading, &section.heading));
        text.end_line();
        for TableLine { name, value, tone } in section.lines {
            text.push(&Safe::line(format_args!("  {name:<20}  ")));
            text.push(&palette.paint(tone, &value));
            text.end_line();
        }
    }
    text
}

fn sections(stats: &Stats) -> Vec<Section> {
    let mut sections = vec![ledger(stats), spool(stats)];
    match &stats.service {
        Some(service) => sections.extend([
            reader(stats, service),
            ollama(stats, &service.ollama),
            forwarder(stats, service),
        ]),
        None => sections.push(Section::new("Service: not running")),
    }
    sections
}

/// Numbers of the ledger, right-aligned so that the sum can be seen; all of them, with a colour if they are not 0.
fn ledger(stats: &Stats) -> Section {
    let mut section = Section::new("Ledger");
    for row in Ledger::ROWS {
        let value = (row.get)(stats);
        let (tone, name) = row.row.unwrap_or((Tone::Neutral, row.key));
        let is_alarm = match row.key {
            // Those beyond retention are no alarm.
            "quarantined" => stats.spool.ledger.refused() > 0,
            _ => says_something(value),
        };
        let tone = if is_alarm { tone } else { Tone::Neutral };
        let number = in_words(row.unit, value, stats);
        section.line(name, format!("{number:>14}"), tone);
    }
    if !stats.spool.ledger.is_balanced() {
        let please = "this is a bug: please report it".to_owned();
        section.line("does not add up", please, Tone::Bad);
    }
    section
}

fn spool(stats: &Stats) -> Section {
    let spool = &stats.spool;
    let mut section = Section::new(format!("Spool {}", spool.dir.display()));
    let tone = match spool.trouble {
        Some(_) => Tone::Bad,
        None => Tone::Neutral,
    };
    section.line("on disk", words::fill(spool), tone);
    if let Some(trouble) = spool.trouble {
        section.line("takes nothing", trouble.to_string(), Tone::Bad);
    }
    if let Some(bytes) = spool.free_bytes {
        let free = format!("{} free", human::size(bytes));
        section.line("file system", free, Tone::Neutral);
    }
    section.facts(SpoolStats::ROWS, stats);
    section.warnings(SpoolStats::ROWS, stats);
    section
}

fn reader(stats: &Stats, service: &ServiceStats) -> Section {
    let reader = &service.reader;
    let name = if reader.reader.is_empty() {
        "not opened yet"
    } else {
        &reader.reader
    };
    let mut section = Section::new(format!("Reader: {name}"));
    section.facts(IntakeStatus::ROWS, stats);
    let lines = understood(&reader.understood);
    section.line("lines understood", lines, Tone::Neutral);
    section.warnings(IntakeStatus::ROWS, stats);
    if reader.waiting_for_room {
        section.line("waits", "for room in the spool".to_owned(), Tone::Bad);
    }
    section
}

fn ollama(stats: &Stats, ollama: &OllamaStatus) -> Section {
    let state = match (&ollama.url, ollama.up) {
        (None, _) => return Section::new("Ollama: not asked"),
        (_, Some(true)) => "up",
        (_, Some(false)) => "down",
        (_, None) => "no answer yet",
    };
    let mut section = Section::new(format!("Ollama: {state}"));
    section.facts(OllamaStatus::ROWS, stats);
    section.warnings(OllamaStatus::ROWS, stats);
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

fn forwarder(stats: &Stats, service: &ServiceStats) -> Section {
    let (forwarder, now) = (&service.forwarder, When(stats.at));
    let tone = match forwarder.server {
        ServerState::Well => Tone::Good,
        ServerState::Untried => Tone::Neutral,
        ServerState::Down => Tone::Warn,
        ServerState::OnHold => Tone::Bad,
    };
    let mut section = Section::new("InfluxDB");
    section.line("server", forwarder.server.to_string(), tone);
    if let Some(api) = &forwarder.server_api {
        let version = forwarder.server_version.as_deref();
        let version = version.map_or_else(String::new, |version| format!("InfluxDB {version}, "));
        section.line(
            "spoken to",
            format!("{version}by its {api} API"),
            Tone::Neutral,
        );
    }
    let takes_nothing = matches!(forwarder.server, ServerState::Down | ServerState::OnHold);
    if let Some(since) = forwarder.outage_since.filter(|_| takes_nothing) {
        section.line("takes nothing since", moment(Some(since), now), Tone::Warn);
    }
    if let Some(next) = forwarder.next_retry {
        let left = Duration::from_micros(next.saturating_sub(now.0));
        section.line("next try", format!("in {}", span(left)), Tone::Neutral);
    }
    section.facts(ForwardStatus::ROWS, stats);
    let retries = count(forwarder.retries + forwarder.holds);
    section.line("retries", retries, Tone::Neutral);
    section.warnings(ForwardStatus::ROWS, stats);
    apart(&mut section, stats, forwarder);
    if let Some(error) = &forwarder.last_error {
        let tone = if forwarder.outage_since.is_some() {
            Tone::Bad
        } else {
            Tone::Neutral
        };
        section.line("last error", error.clone(), tone);
        section.line("", moment(forwarder.last_error_at, now), Tone::Neutral);
    }
    section
}

/// Lines that are set apart: how many, since when, why, and what they wait for.
fn apart(section: &mut Section, stats: &Stats, forwarder: &ForwardStatus) {
    if forwarder.set_apart == 0 {
        return;
    }
    let tone = match stats.is_apart_for_long(forwarder) {
        true => Tone::Warn,
        false => Tone::Neutral,
    };
    let lines = count(forwarder.set_apart);
    let what = format!("{lines}: tried in smaller parts, all others go on");
    section.line("set apart", what, tone);
    let since = moment(forwarder.set_apart_since, When(stats.at));
    section.line("", since, Tone::Neutral);
    if let Some(reason) = &forwarder.set_apart_reason {
        section.line("set apart because", reason.clone(), tone);
    }
    if forwarder.unproven > 0 {
        let (each, its) = match forwarder.unproven {
            1 => ("waits", "its"),
            _ => ("wait", "their"),
        };
        section.line("refused alone", count(forwarder.unproven), tone);
        let what = format!("{each} until another line of {its} measurement is stored");
        section.line("", what, Tone::Neutral);
    }
}

#[cfg(test)]
mod tests;
