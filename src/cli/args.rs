//! The command line: clap definitions only.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use spool::{HashPrefix, NotAHash, State};

use crate::base::when::When;
use crate::operate::{self, BadPattern, Period};

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
    /// Send again what was delivered, after InfluxDB lost it
    Replay(ReplayArgs),
    /// Read the journal again from a time on; what the spool knows is dropped
    Backfill(BackfillArgs),
    /// Show the whole way on built-in data: an outage, a crash, and nothing lost
    Demo,
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
    /// The service under `demo`, on its data
    #[command(hide = true)]
    DemoService(DemoServiceArgs),
}

/// Of `run`.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// Read to the journal's end, send everything, and exit
    #[arg(long)]
    pub once: bool,
}

/// Of every command that reports.
#[derive(Args, Clone, Copy, Debug)]
pub struct ReportArgs {
    /// JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Of `status`.
#[derive(Args, Clone, Copy, Debug)]
pub struct StatusArgs {
    /// Show it again every second until q is pressed
    #[arg(long, conflicts_with = "json")]
    pub watch: bool,
    /// How to report.
    #[command(flatten)]
    pub report: ReportArgs,
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
    /// Write entries to standard output as line protocol
    Export(SelectArgs),
    /// Read what is left in parts of the spool that were put aside as damaged
    Recover(RecoverArgs),
    /// Remove entries from the spool for good, such as a secret in the log
    Purge(PurgeArgs),
}

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

/// Of `report`.
#[derive(Args, Debug)]
pub struct SummaryArgs {
    /// From this time on: 2026-11-23, 2026-11-23T14:00:00Z, or 24h (before now)
    #[arg(long, value_name = "TIME", default_value = "24h")]
    pub since: When,
    /// Up to this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<When>,
    /// Write one page with charts that needs nothing else, instead of tables
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// How to report.
    #[command(flatten)]
    pub report: ReportArgs,
}

impl SummaryArgs {
    /// The time that the report is on.
    #[must_use]
    pub fn period(&self) -> Period {
        Period {
            since: Some(self.since.0),
            until: self.until.map(|until| until.0),
        }
    }
}

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

/// Of `quarantine ls`.
#[derive(Args, Debug)]
pub struct QuarantineListArgs {
    /// Of this time.
    #[command(flatten)]
    pub period: PeriodArgs,
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

fn hash_prefix(text: &str) -> Result<String, NotAHash> {
    text.parse::<HashPrefix>()?;
    Ok(text.to_owned())
}

/// Of `spool verify`.
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// Put damaged generations aside; the journal is read again from where they began
    #[arg(long)]
    pub repair: bool,
    /// How to report.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// Of `spool recover`.
#[derive(Args, Debug)]
pub struct RecoverArgs {
    /// Parts of a spool: names of what this one put aside, or directories copied from elsewhere [default: all that this one put aside]
    #[arg(value_name = "DIR")]
    pub dirs: Vec<PathBuf>,
    /// Remove what this spool put aside once everything readable was read
    #[arg(long)]
    pub drop: bool,
    /// How to report.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// Of `spool purge`.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("meant").required(true).multiple(true))]
pub struct PurgeArgs {
    /// How their hashes begin
    #[arg(group = "meant", value_name = "HASH", value_parser = hash_prefix)]
    pub hashes: Vec<String>,
    /// Every entry whose text this regular expression matches
    #[arg(long = "match", group = "meant", value_name = "REGEX", value_parser = pattern)]
    pub pattern: Option<String>,
    /// Show which, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How to report.
    #[command(flatten)]
    pub report: ReportArgs,
}

fn pattern(text: &str) -> Result<String, BadPattern> {
    operate::check_pattern(text)?;
    Ok(text.to_owned())
}

/// Of `replay`.
#[derive(Args, Debug)]
pub struct ReplayArgs {
    /// Of this time.
    #[command(flatten)]
    pub period: PeriodArgs,
    /// What is in quarantine instead of what was delivered
    #[arg(long, conflicts_with = "gaps")]
    pub quarantined: bool,
    /// Ask InfluxDB what it has, and send again only the hours that fall short; counts whole hours
    #[arg(long)]
    pub gaps: bool,
    /// Count, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Wait until everything was sent
    #[arg(long, conflicts_with = "dry_run")]
    pub wait: bool,
    /// How to report.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// Of `backfill`.
#[derive(Args, Debug)]
pub struct BackfillArgs {
    /// From this time on: 2026-11-23, 2026-11-23T14:00:00Z, or 36h (before now)
    #[arg(long, value_name = "TIME")]
    pub since: When,
    /// How to report.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// Of `demo-service`.
#[derive(Args, Debug)]
pub struct DemoServiceArgs {
    /// Microseconds since the Unix epoch at which the sample began
    #[arg(long)]
    pub started_at: u64,
}
