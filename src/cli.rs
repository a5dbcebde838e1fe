//! The command line: clap definitions only.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::when::When;

/// Ships Ollama's log lines and model inventory to InfluxDB: complete, without duplicates, through every outage.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
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
    /// Look into the spool
    #[command(subcommand)]
    Spool(SpoolCommand),
    /// Send again what was delivered, after InfluxDB lost it
    Replay(ReplayArgs),
    /// Show the whole way on built-in data: an outage, a crash, and nothing lost
    Demo,
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

/// Below `spool`.
#[derive(Debug, Subcommand)]
pub enum SpoolCommand {
    /// The ledger, the space, the server
    Stats(ReportArgs),
}

/// Of every command that reports.
#[derive(Args, Clone, Copy, Debug)]
pub struct ReportArgs {
    /// JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Of `replay`.
#[derive(Args, Debug)]
pub struct ReplayArgs {
    /// Only entries of this time or later: 2026-11-23, 2026-11-23T14:00:00Z, or 36h (before now)
    #[arg(long, value_name = "TIME")]
    pub since: Option<When>,
    /// Only entries before this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<When>,
    /// Count, and change nothing
    #[arg(long)]
    pub dry_run: bool,
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
