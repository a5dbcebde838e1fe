//! `shipper spool ls`, `show` and `export`: entries of the spool, for people, programs and servers out of reach.

use std::collections::VecDeque;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use spool::State;
use tracing::Level;

use super::outlet::Outlet;
use super::{Error, Shipper, Verdict};
use crate::base::columns::{Cell, Column, TableRow, columns};
use crate::base::human::Palette;
use crate::base::refusal::RefusalClass;
use crate::base::terminal::{self, Safe};
use crate::base::when::When;
use crate::cli::args::{ReportArgs, SelectArgs, hash_prefix};
use crate::operate::{Answer, ControlRequest, List, Listed, Page};
use crate::record::{DecodeError, LogLine, Record};
use crate::sinks::Form;
use crate::sinks::influxdb::Encoders;

/// Of `spool ls`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Which entries.
    #[command(flatten)]
    pub select: SelectArgs,
    /// At most this many; 0 for all
    #[arg(long, default_value_t = 50)]
    pub limit: usize,
    /// How to report.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// Of `show`.
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// How its hash begins: as many hexadecimal digits as make it the only one
    #[arg(value_parser = hash_prefix)]
    pub hash: String,
    /// How to report.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// Of `spool export`.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// Which entries.
    #[command(flatten)]
    pub select: SelectArgs,
    /// Where to write, a new file that nobody else can read; `-` for standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
}

/// Digits of a hash that `ls` shows: enough to tell a million entries apart.
const HASH_WIDTH: usize = 12;
/// `quarantined`.
const STATE_WIDTH: u16 = 11;
/// Rows that are laid out at once.
const PART: usize = 1000;

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
    let kinds = [
        Column::Left,
        Column::Left,
        Column::AtLeast(STATE_WIDTH),
        Column::Rest,
    ];
    let rows = entries.iter().map(|entry| {
        let view = View::of(entry);
        let state = Cell::new(view.state);
        TableRow::one_line([view.time(), view.short_hash(), state, view.beginning()])
    });
    print(&kinds, rows)?;
    Ok(Verdict::Healthy)
}

/// Prints rows as wide as the terminal. A table knows all of its rows: parts of it keep it small however many there are.
pub(super) fn print(
    kinds: &[Column],
    mut rows: impl Iterator<Item = TableRow>,
) -> Result<(), Error> {
    loop {
        let part: Vec<TableRow> = rows.by_ref().take(PART).collect();
        if part.is_empty() {
            return Ok(());
        }
        terminal::print(&columns(kinds, part, terminal::width(), Palette::Plain))?;
    }
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
    let attempts = view.attempts.to_string();
    let facts = [
        ("hash", Some(view.hash.as_str())),
        ("time", Some(&view.time)),
        ("state", Some(view.state)),
        ("attempts", Some(&attempts)),
        ("class", view.class),
        ("reason", view.reason.as_deref()),
        ("kind", Some(view.kind)),
    ];
    let rows = facts
        .into_iter()
        .filter_map(|(name, fact)| Some(TableRow::new([Cell::new(name), Cell::new(fact?)])));
    // Never broken into lines: it may be copied.
    let kinds = [Column::Left, Column::Left];
    let mut text = columns(&kinds, rows, usize::MAX, Palette::Plain);
    text.end_line();
    text.push(&Safe::lines(&view.message));
    text.end_line();
    terminal::print(&text)?;
    Ok(Verdict::Healthy)
}

/// Writes line protocol, in order of arrival.
///
/// # Errors
/// When the entries cannot be had. Entries that cannot be read are said and left out, purged ones are left out.
pub(super) async fn export(
    shipper: Shipper,
    select: &SelectArgs,
    mut output: Outlet,
) -> Result<Verdict, Error> {
    let mut encoders = Encoders::new(Form::WHOLE);
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
            if let Err(error) = entry.with_record(|record| encoders.encode(record, &mut text)) {
                let line = Safe::line(format_args!("{}: {error}", entry.key.hash));
                terminal::tell(Level::WARN, &line);
                unreadable += 1;
            }
        }
        output.write(&text)?;
        text.clear();
        match page.next {
            Some(next) => list.from = next,
            None => break,
        }
    }
    output.finish()?;
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
    match shipper.ask(ControlRequest::List(list)).await? {
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
    /// `refused`, `beyond_retention`.
    pub(super) class: Option<&'static str>,
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
            class: entry.class.map(RefusalClass::name),
            kind,
            message,
        }
    }

    pub(super) fn time(&self) -> Cell {
        Cell::new(&self.time)
    }

    /// The digits of the hash that lists show.
    pub(super) fn short_hash(&self) -> Cell {
        Cell::new(format!("{:.HASH_WIDTH$}", self.hash))
    }

    /// As much of the message as a line of the terminal can hold.
    pub(super) fn beginning(&self) -> Cell {
        let beginning: String = self.message.chars().take(terminal::width() + 1).collect();
        Cell::new(beginning)
    }
}

fn describe(record: &Result<Record<'_>, DecodeError>) -> (&'static str, String) {
    match record {
        Ok(Record::Log(log) | Record::Line(LogLine { log, .. })) => {
            ("log", log.message.clone().into_owned())
        }
        Ok(Record::Inventory(snapshot)) => ("inventory", snapshot.models_json.clone().into_owned()),
        Ok(Record::Report(report)) => {
            let numbers = report
                .numbers
                .iter()
                .map(|(name, number)| format!("{name}={number}"));
            ("report", numbers.collect::<Vec<_>>().join(" "))
        }
        Ok(Record::Poll(poll)) => ("ollama", poll.to_string()),
        Err(error) => ("unreadable", error.to_string()),
    }
}
