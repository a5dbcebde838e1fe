//! `shipper quarantine`: what InfluxDB refuses.

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use spool::State;

use super::list::{self, View};
use super::{Error, Shipper, Verdict};
use crate::base::columns::{Cell, Column, TableRow};
use crate::base::human::things;
use crate::base::refusal::RefusalClass;
use crate::base::terminal;
use crate::cli::args::{PeriodArgs, ReportArgs, hash_prefix};
use crate::cli::list::ShowArgs;
use crate::operate::{Answer, ControlRequest, List, Which};

/// Below `quarantine`.
#[derive(Debug, Subcommand)]
pub enum QuarantineCommand {
    /// List entries with the reason why they were refused
    Ls(QuarantineListArgs),
    /// Show one entry whole
    Show(ShowArgs),
    /// Give entries up: they count as expired
    Drop(DropArgs),
}

/// Of `quarantine ls`.
#[derive(Args, Debug)]
pub struct QuarantineListArgs {
    /// Of this time.
    #[command(flatten)]
    pub period: PeriodArgs,
    /// Only entries that are there for this
    #[arg(long, value_enum)]
    pub class: Option<ClassArg>,
    /// At most this many; 0 for all
    #[arg(long, default_value_t = 50)]
    pub limit: usize,
    /// How to report.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// Why an entry is in quarantine, on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum ClassArg {
    /// InfluxDB refuses it for what it is
    Refused,
    /// It is older than what the bucket keeps
    BeyondRetention,
}

impl From<ClassArg> for RefusalClass {
    fn from(class: ClassArg) -> Self {
        match class {
            ClassArg::Refused => Self::Refused,
            ClassArg::BeyondRetention => Self::BeyondRetention,
        }
    }
}

/// Of `quarantine drop`.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub struct DropArgs {
    /// How its hash begins
    #[arg(group = "which", value_parser = hash_prefix)]
    pub hash: Option<String>,
    /// Everything in quarantine
    #[arg(long, group = "which")]
    pub all: bool,
    /// How to report.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// Lists entries in quarantine, each with its reason.
///
/// # Errors
/// When they cannot be had.
pub(super) async fn list(
    shipper: Shipper,
    arguments: &QuarantineListArgs,
) -> Result<Verdict, Error> {
    let list = List {
        period: arguments.period.period(),
        state: Some(State::Quarantined),
        class: arguments.class.map(RefusalClass::from),
        ..List::default()
    };
    let entries = list::gather(&shipper, list, arguments.limit).await?;
    shipper.close().await?;
    if arguments.report.json {
        super::print_json(&entries.iter().map(View::of).collect::<Vec<_>>())?;
        return Ok(Verdict::Healthy);
    }
    let rows = entries.iter().flat_map(|entry| {
        let view = View::of(entry);
        let reason = view.reason.as_deref().unwrap_or_default();
        let reason = [Cell::new(""), Cell::new(""), Cell::new(reason)];
        let head = [view.time(), view.short_hash(), view.beginning()];
        [TableRow::one_line(head), TableRow::new(reason)]
    });
    list::print(&[Column::Left, Column::Left, Column::Rest], rows)?;
    if entries.is_empty() {
        let nothing = match arguments.class {
            None => "nothing is in quarantine",
            Some(ClassArg::Refused) => "nothing in quarantine is there for what it is",
            Some(ClassArg::BeyondRetention) => "nothing in quarantine is beyond retention",
        };
        terminal::say(nothing)?;
    }
    Ok(Verdict::Healthy)
}

/// What a drop did.
#[derive(Serialize)]
struct Dropped {
    /// Entries given up.
    entries: u64,
}

/// Gives entries up.
///
/// # Errors
/// When no entry, or more than one, is meant by a hash.
pub(super) async fn drop(shipper: Shipper, arguments: &DropArgs) -> Result<Verdict, Error> {
    let which = match &arguments.hash {
        None => Which::All,
        Some(hash) => Which::Numbers(vec![list::find(&shipper, hash).await?.seq]),
    };
    let Answer::Drop { entries } = shipper.ask(ControlRequest::Drop(which)).await? else {
        return Err(Error::OtherAnswer);
    };
    shipper.close().await?;
    if arguments.report.json {
        super::print_json(&Dropped { entries })?;
    } else {
        let entries = things(entries, "entry", "entries");
        terminal::say(format_args!("{entries} given up, counted as expired"))?;
    }
    Ok(Verdict::Healthy)
}
