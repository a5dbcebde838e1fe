//! The command line: clap definitions only.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use spool::{HashPrefix, NotAHash, State};

use super::backfill::BackfillArgs;
use super::demo::DemoServiceArgs;
use super::explain::InsightCommand;
use super::hand_over::HandOverArgs;
use super::list::{ExportArgs, ListArgs, ShowArgs};
use super::purge::PurgeArgs;
use super::quarantine::QuarantineCommand;
use super::recover::RecoverArgs;
use super::replay::ReplayArgs;
use super::report::SummaryArgs;
use super::run::RunArgs;
use super::status::StatusArgs;
use super::verify::VerifyArgs;
use crate::base::when::When;
use crate::operate::Period;

/// Ships Ollama's log lines and model inventory to InfluxDB: complete, without duplicates, through every outage.
#[derive(Debug, Parser)]
#[command(name = "shipper", version, max_term_width = 100)]
pub struct Cli {
    /// Configuration file [default: /etc/ollama-influxdb/config.env when it exists]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// One configuration key; wins over the environment and the file
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read the journal, spool, forward: the service, until SIGTERM or SIGINT
    Run(RunArgs),
    /// One screen: stages, backlog, server, last errors
    Status(StatusArgs),
    /// Check everything that has to be right, and say what fixes what is not
    Doctor(ReportArgs),
    /// Look into the spool
    #[command(subcommand)]
    Spool(SpoolCommand),
    /// What InfluxDB refuses, with its reason
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// How the models are doing, from the spool alone: requests, latency, loads, errors, outages
    Report(SummaryArgs),
    /// What is understood of log lines
    #[command(subcommand)]
    Insight(InsightCommand),
    /// Send again what was delivered, after InfluxDB lost it
    Replay(ReplayArgs),
    /// Read the journal again from a time on; what the spool knows is dropped
    Backfill(BackfillArgs),
    /// Show the whole way on built-in data: an outage, a crash, and nothing lost
    Demo,
    /// Hand the journal to the service, with the group that sudo gave
    #[command(hide = true)]
    Feed,
    /// Give a directory of the service to its user
    #[command(hide = true)]
    HandOver(HandOverArgs),
    /// Write a completion script to standard output
    #[command(hide = true)]
    Completions {
        /// For this shell
        shell: Shell,
    },
    /// Write man pages
    #[command(hide = true)]
    Man {
        /// Into this directory
        directory: PathBuf,
    },
    /// Write what comes from another command into a file
    #[command(hide = true)]
    WriteFile {
        /// This file
        file: PathBuf,
    },
    /// The service under `demo`, on its data
    #[command(hide = true)]
    DemoService(DemoServiceArgs),
}

/// Of every command that reports.
#[derive(Args, Clone, Copy, Debug)]
pub struct ReportArgs {
    /// JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Below `spool`.
#[derive(Debug, Subcommand)]
pub enum SpoolCommand {
    /// The ledger, the space, the server
    Stats(ReportArgs),
    /// List entries in order of arrival
    Ls(ListArgs),
    /// Show one entry whole
    Show(ShowArgs),
    /// Read every generation and compare it with what is known of it
    Verify(VerifyArgs),
    /// Write entries as line protocol, for servers out of reach
    Export(ExportArgs),
    /// Read what is left in parts of the spool that were put aside as damaged
    Recover(RecoverArgs),
    /// Remove entries from the spool for good, such as a secret in the log
    Purge(PurgeArgs),
}

/// A stretch of time.
#[derive(Args, Clone, Copy, Debug)]
pub struct PeriodArgs {
    /// Only entries of this time or later: 2026-11-23, 2026-11-23T14:00:00Z, or 36h (before now)
    #[arg(long, value_name = "TIME")]
    pub since: Option<When>,
    /// Only entries before this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<When>,
}

impl PeriodArgs {
    /// As requests have it.
    #[must_use]
    pub fn period(&self) -> Period {
        Period {
            since: self.since.map(|when| when.0),
            until: self.until.map(|when| when.0),
        }
    }
}

/// Where an entry stands, on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StateArg {
    /// Waits to be sent
    Pending,
    /// InfluxDB has it
    Delivered,
    /// InfluxDB refuses it
    Quarantined,
    /// Given up
    Expired,
}

impl From<StateArg> for State {
    fn from(state: StateArg) -> Self {
        match state {
            StateArg::Pending => Self::Pending,
            StateArg::Delivered => Self::Delivered,
            StateArg::Quarantined => Self::Quarantined,
            StateArg::Expired => Self::Expired,
        }
    }
}

/// Which entries.
#[derive(Args, Clone, Copy, Debug)]
pub struct SelectArgs {
    /// Of this time.
    #[command(flatten)]
    pub period: PeriodArgs,
    /// Only entries that stand here
    #[arg(long, value_enum)]
    pub state: Option<StateArg>,
}

pub(super) fn hash_prefix(text: &str) -> Result<String, NotAHash> {
    text.parse::<HashPrefix>()?;
    Ok(text.to_owned())
}
