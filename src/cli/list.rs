//! `shipper spool ls`, `show` and `export`: entries of the spool, for people, programs and servers out of reach.

use std::collections::VecDeque;
use std::io::{self, Write as _};

use serde::Serialize;
use spool::State;

use super::{Error, Shipper, Verdict};
use crate::base::human;
use crate::base::when::When;
use crate::cli::args::{ListArgs, SelectArgs, ShowArgs};
use crate::operate::{Answer, List, Listed, Page, Request};
use crate::record::{DecodeError, Record};
use crate::sinks::Form;
use crate::sinks::influxdb::Encoders;

/// Digits of a hash that `ls` shows: enough to tell a million entries apart.
const HASH_WIDTH: usize = 12;

/// Prints a table, or JSON: one array.
///
/// # Errors
/// When the entries cannot be had.
pub(super) async fn run(shipper: Shipper, arguments: &ListArgs) -> Result<Verdict, Error> {
    let list = List {
        period: arguments.select.period.period(),
        state: arguments.select.state.map(State::from),
        ..List::default()
    };
    let entries = gather(&shipper, list, arguments.limit).await?;
    shipper.close().await?;
    if arguments.report.json {
        super::print_json(&entries.iter().map(View::of).collect::<Vec<_>>())?;
        return Ok(Verdict::Healthy);
    }
    // Time, hash, state and the gaps between them.
    let width = human::columns()
        .saturating_sub(20 + HASH_WIDTH + 11 + 6)
        .max(10);
    let mut out = io::stdout().lock();
    for entry in &entries {
        let view = View::of(entry);
        let (time, hash, state) = (&view.time, &view.hash, view.state);
        let message = one_line(&view.message, width);
        writeln!(out, "{time}  {hash:.HASH_WIDTH$}  {state:<11}  {message}")?;
    }
    Ok(Verdict::Healthy)
}

/// Prints one entry.
///
/// # Errors
/// When there is none, or more than one.
pub(super) async fn show(shipper: Shipper, arguments: &ShowArgs) -> Result<Verdict, Error> {
    let entry = find(&shipper, &arguments.hash).await?;
    shipper.close().await?;
    let view = View::of(&entry);
    if arguments.report.json {
        super::print_json(&view)?;
        return Ok(Verdict::Healthy);
    }
    let mut out = io::stdout().lock();
    writeln!(out, "hash      {}", view.hash)?;
    writeln!(out, "time      {}", view.time)?;
    writeln!(out, "state     {}", view.state)?;
    writeln!(out, "attempts  {}", view.attempts)?;
    if let Some(reason) = &view.reason {
        writeln!(out, "reason    {reason}")?;
    }
    writeln!(out, "kind      {}", view.kind)?;
    writeln!(out, "\n{}", view.message)?;
    Ok(Verdict::Healthy)
}

/// Writes line protocol, in order of arrival.
///
/// # Errors
/// When the entries cannot be had. Entries that cannot be read are said and left out, purged ones are left out.
pub(super) async fn export(shipper: Shipper, select: &SelectArgs) -> Result<Verdict, Error> {
    let mut encoders = Encoders::new(Form::Whole);
    let mut list = List {
        period: select.period.period(),
        state: select.state.map(State::from),
        limit: usize::MAX,
        ..List::default()
    };
    let mut unreadable = 0_u64;
    let mut text = Vec::new();
    loop {
        let page = page(&shipper, list.clone()).await?;
        for entry in page.entries.iter().filter(|entry| !entry.is_purged()) {
            let (layout, payload) = (entry.layout(), entry.payload());
            let record = spool::Record {
                key: entry.key,
                layout: &layout,
                payload: &payload,
            };
            if let Err(error) = encoders.encode(&record, &mut text) {
                eprintln!("{}: {error}", entry.key.hash);
                unreadable += 1;
            }
        }
        io::stdout().write_all(&text)?;
        text.clear();
        match page.next {
            Some(next) => list.from = next,
            None => break,
        }
    }
    io::stdout().flush()?;
    shipper.close().await?;
    Ok(if unreadable == 0 {
        Verdict::Healthy
    } else {
        Verdict::Unhealthy
    })
}

/// The only entry whose hash begins with `prefix`.
pub(super) async fn find(shipper: &Shipper, prefix: &str) -> Result<Listed, Error> {
    let list = List {
        prefix: Some(prefix.to_owned()),
        ..List::default()
    };
    let mut found = VecDeque::from(gather(shipper, list, 2).await?);
    match (found.pop_front(), found.pop_front()) {
        (None, _) => Err(Error::NoEntry(prefix.to_owned())),
        (Some(entry), None) => Ok(entry),
        (Some(_), Some(_)) => Err(Error::Ambiguous(prefix.to_owned())),
    }
}

/// Up to `limit` entries, all for 0.
pub(super) async fn gather(
    shipper: &Shipper,
    mut list: List,
    limit: usize,
) -> Result<Vec<Listed>, Error> {
    let limit = if limit == 0 { usize::MAX } else { limit };
    let mut entries = Vec::new();
    loop {
        list.limit = limit - entries.len();
        let page = page(shipper, list.clone()).await?;
        entries.extend(page.entries);
        match page.next {
            Some(next) if entries.len() < limit => list.from = next,
            _ => return Ok(entries),
        }
    }
}

/// The next part of a listing.
pub(super) async fn page(shipper: &Shipper, list: List) -> Result<Page, Error> {
    match shipper.ask(Request::List(list)).await? {
        Answer::List(page) => Ok(page),
        _ => Err(Error::OtherAnswer),
    }
}

/// An entry as it is shown.
#[derive(Debug, Serialize)]
pub(super) struct View {
    /// 64 hexadecimal digits.
    pub(super) hash: String,
    /// RFC 3339, UTC.
    pub(super) time: String,
    /// Microseconds since the Unix epoch.
    pub(super) time_us: u64,
    /// `pending`, `delivered`, `quarantined`, `expired`.
    pub(super) state: &'static str,
    /// Tries that failed.
    pub(super) attempts: u32,
    /// Why it was refused.
    pub(super) reason: Option<String>,
    /// `log`, `inventory`, `report`, `purged`, or `unreadable`.
    pub(super) kind: &'static str,
    /// The message of a log entry; of another one its content.
    pub(super) message: String,
}

impl View {
    pub(super) fn of(entry: &Listed) -> Self {
        let payload = entry.payload();
        let (kind, message) = match entry.is_purged() {
            true => ("purged", String::new()),
            false => describe(&Record::decode(&payload)),
        };
        Self {
            hash: entry.key.hash.to_string(),
            time: When(entry.key.time).to_rfc3339(),
            time_us: entry.key.time,
            state: match entry.state {
                State::Pending => "pending",
                State::Delivered => "delivered",
                State::Quarantined => "quarantined",
                State::Expired => "expired",
            },
            attempts: entry.attempts,
            reason: entry.reason.clone(),
            kind,
            message,
        }
    }
}

fn describe(record: &Result<Record<'_>, DecodeError>) -> (&'static str, String) {
    match record {
        Ok(Record::Log(log)) => ("log", log.message.clone().into_owned()),
        Ok(Record::Inventory(snapshot)) => ("inventory", snapshot.models_json.clone().into_owned()),
        Ok(Record::Report(report)) => {
            let numbers = report
                .numbers
                .iter()
                .map(|(name, number)| format!("{name}={number}"));
            ("report", numbers.collect::<Vec<_>>().join(" "))
        }
        Err(error) => ("unreadable", error.to_string()),
    }
}

/// The beginning of a message in `width` characters, control characters shown as they are written in Rust.
pub(super) fn one_line(message: &str, width: usize) -> String {
    let shown = message
        .chars()
        .take(width + 1)
        .map(|character| match character {
            control if control.is_control() => control.escape_default().to_string(),
            plain => plain.to_string(),
        });
    let mut line: String = shown.collect();
    if let Some((end, _)) = line.char_indices().nth(width) {
        let last = line[..end].chars().next_back().map_or(0, char::len_utf8);
        line.truncate(end - last);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_cannot_break_a_line_nor_command_the_terminal() {
        assert_eq!(one_line("a\nb\x1b[31mc", 80), r"a\nb\u{1b}[31mc");
        assert_eq!(one_line("exact", 5), "exact");
        assert_eq!(one_line("longer", 5), "long…");
        assert_eq!(one_line("\x1b\x1b", 5), r"\u{1…");
        assert_eq!(one_line(&"ü".repeat(81), 80).chars().count(), 80);
    }
}
