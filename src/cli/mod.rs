//! One file a command; here they are chosen, and get their configuration and runtime.

pub(crate) mod args;
mod backfill;
mod demo;
mod doctor;
mod explain;
mod feed;
mod generate;
mod hand_over;
mod line;
mod list;
mod outlet;
mod progress;
mod purge;
mod quarantine;
mod recover;
mod replay;
mod report;
mod run;
mod shipper;
mod spool_stats;
mod status;
mod verify;
mod watch;

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::Mode;

use crate::base::logging;
use crate::base::owner::{OwnerError, become_owner};
use crate::base::terminal;
pub use crate::base::terminal::report_panics;
use crate::config::{Config, Invalid, Local, Raw, RawError};
use crate::operate;
use crate::operate::gaps::GapError;
use crate::service;
use crate::service::control;
use crate::sinks::{CountError, OpenError};
pub use args::Cli;
use args::{Command, SpoolCommand};
use explain::InsightCommand;
pub use line::{complain, parse};
use outlet::Outlet;
use quarantine::QuarantineCommand;
use shipper::Shipper;

/// What a command found, when it could do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All is well.
    Healthy,
    /// The work was done, and the answer is "unhealthy".
    Unhealthy,
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A source of configuration cannot be read.
    #[error(transparent)]
    Raw(#[from] RawError),
    /// Keys are missing or wrong.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// There is no spool to look into.
    #[error("there is no spool at {}: has the service run on this host? See SHIPPER_SPOOL_DIR", .0.display())]
    NoSpool(PathBuf),
    /// Root cannot work in the spool's place.
    #[error(transparent)]
    Owner(#[from] OwnerError),
    /// A file that was asked for cannot be written.
    #[error("{0}")]
    Output(String),
    /// The spool cannot be opened or read.
    #[error(transparent)]
    Spool(#[from] spool::Error),
    /// The running service did not answer.
    #[error(transparent)]
    Control(#[from] control::Error),
    /// The service was there a moment ago.
    #[error("the service has ended meanwhile: ask again")]
    ServiceEnded,
    /// The service speaks of something else.
    #[error("the service answers another question: it runs another version, restart it")]
    OtherAnswer,
    /// The request failed.
    #[error(transparent)]
    Operate(#[from] operate::Error),
    /// The service failed.
    #[error(transparent)]
    Service(#[from] service::Error),
    /// InfluxDB cannot be talked to.
    #[error(transparent)]
    Sink(#[from] OpenError),
    /// InfluxDB did not count.
    #[error(transparent)]
    Count(#[from] CountError),
    /// Waiting would never end.
    #[error("no service runs that could send: start it, or use `shipper run --once`")]
    NobodySends,
    /// No entry has such a hash.
    #[error("no entry held has a hash that begins with {0}")]
    NoEntry(String),
    /// Several entries have.
    #[error("more than one entry has a hash that begins with {0}: give more digits")]
    Ambiguous(String),
    /// What was to be recovered lies elsewhere.
    #[error(
        "{0}; it is read with the rights of the spool's owner alone, by the service while that runs: copy it beside the spool, and \
         chown -R the copy to the spool's owner"
    )]
    Recover(Box<Error>),
    /// A log cannot be explained.
    #[error("{0}")]
    Log(String),
    /// A backfill ended early.
    #[error("backfill: {0}")]
    Backfill(String),
    /// The demo could not be played.
    #[error("demo: {0}")]
    Demo(String),
    /// The system refused something.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<GapError> for Error {
    fn from(error: GapError) -> Self {
        match error {
            GapError::Query(error) => Self::Count(error),
            GapError::OtherAnswer => Self::OtherAnswer,
        }
    }
}

impl Error {
    /// Whether the fix is in the configuration or the command line.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        matches!(self, Self::Raw(_) | Self::Invalid(_))
    }

    /// Whether whoever read the output has gone, which is nobody's failure.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// Where the configuration comes from; can be read again.
#[derive(Clone, Debug)]
struct ConfigSource {
    file: Option<PathBuf>,
    flags: Vec<String>,
}

impl ConfigSource {
    /// Whether the command line names a file or a key.
    fn is_given(&self) -> bool {
        self.file.is_some() || !self.flags.is_empty()
    }

    fn gather(&self) -> Result<Raw, RawError> {
        // Variables that are not Unicode cannot be ours.
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Raw::gather(self.file.as_deref(), environment, &self.flags)
    }
}

/// Keeps what this process holds and makes from other users, its own included: the token and what it reads of the journal are in its
/// memory, log text is in its files.
pub fn harden() {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior, umask};
    // It fails for no value that there is: prctl(2).
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    umask(Mode::from_raw_mode(0o077));
}

/// Runs the command that `cli` names.
///
/// # Errors
/// [`Error`]; its text is for the operator.
pub fn run(cli: Cli) -> Result<Verdict, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let verdict = runtime.block_on(dispatch(cli));
    // A thread that does not end must not keep the process from ending.
    runtime.shutdown_background();
    verdict
}

async fn dispatch(cli: Cli) -> Result<Verdict, Error> {
    let Cli {
        config,
        set,
        command,
    } = cli;
    let source = ConfigSource {
        file: config,
        flags: set,
    };
    match command {
        Command::Demo => demo::run().await,
        Command::Feed => feed::run(&source),
        Command::HandOver(arguments) => hand_over::run(&arguments),
        Command::Completions { shell } => generate::completions(shell),
        Command::Man { directory } => generate::man_pages(&directory),
        Command::WriteFile { file } => outlet::run(&file),
        Command::Insight(InsightCommand::Explain(arguments)) => explain::run(&source, &arguments),
        Command::Doctor(report) => doctor::run(&source, report).await,
        Command::DemoService(arguments) => {
            let config = everything(&source, of_service)?;
            demo::run_service(config, &arguments).await
        }
        Command::Run(arguments) => {
            let config = everything(&source, of_service)?;
            run::run(config, source, &arguments).await
        }
        Command::Status(arguments) => {
            let local = local(&source)?;
            if arguments.watch {
                return watch::run(&local).await;
            }
            status::run(&local, arguments.report).await
        }
        Command::Spool(command) => look_into_spool(&source, command).await,
        Command::Quarantine(command) => {
            let shipper = Shipper::reach(&local(&source)?).await?;
            match command {
                QuarantineCommand::Ls(arguments) => quarantine::list(shipper, &arguments).await,
                QuarantineCommand::Show(arguments) => list::show(shipper, &arguments).await,
                QuarantineCommand::Drop(arguments) => quarantine::drop(shipper, &arguments).await,
            }
        }
        Command::Report(arguments) => {
            let page = arguments.html.as_deref().map(Outlet::open).transpose()?;
            let local = local(&source)?;
            let shipper = Shipper::reach(&local).await?;
            report::run(shipper, &local.layout.host, page, &arguments).await
        }
        Command::Replay(arguments) => {
            if arguments.gaps {
                let config = everything(&source, of_spool)?;
                let shipper = Shipper::reach(&config.local).await?;
                return replay::run_gaps(shipper, config, &arguments).await;
            }
            replay::run(Shipper::reach(&local(&source)?).await?, &arguments).await
        }
        Command::Backfill(arguments) => {
            let config = everything(&source, of_spool)?;
            backfill::run(&config, &arguments).await
        }
    }
}

async fn look_into_spool(source: &ConfigSource, command: SpoolCommand) -> Result<Verdict, Error> {
    let reach = async || Shipper::reach(&local(source)?).await;
    match command {
        SpoolCommand::Stats(report) => spool_stats::run(reach().await?, report).await,
        SpoolCommand::Ls(arguments) => list::run(reach().await?, &arguments).await,
        SpoolCommand::Show(arguments) => list::show(reach().await?, &arguments).await,
        SpoolCommand::Verify(arguments) => verify::run(reach().await?, &arguments).await,
        SpoolCommand::Export(arguments) => {
            let output = Outlet::open(&arguments.output)?;
            list::export(reach().await?, &arguments.select, output).await
        }
        SpoolCommand::Recover(arguments) => recover::run(reach().await?, &arguments).await,
        SpoolCommand::Purge(arguments) => {
            let server = source.gather()?.server()?;
            purge::run(reach().await?, &server, &arguments).await
        }
    }
}

/// What commands need that talk to no server; logging is started with it. From here on this process is the spool's owner.
fn local(source: &ConfigSource) -> Result<Local, Error> {
    let local = start_logging(source.gather()?.local()?, |local| local);
    become_owner(&local.spool.dir, &[])?;
    Ok(local)
}

/// The whole configuration, with the files that it names; logging is started with it. From here on this process is the spool's owner,
/// for whom those of the directories that `needed` names are made which are missing.
fn everything(
    source: &ConfigSource,
    needed: impl Fn(&Local) -> Vec<&Path>,
) -> Result<Config, Error> {
    let mut config = start_logging(source.gather()?.config()?, |config| &config.local);
    take_over(&mut config, needed)?;
    Ok(config)
}

/// Reads the files that `config` names, and makes this process the spool's owner.
fn take_over(config: &mut Config, needed: impl Fn(&Local) -> Vec<&Path>) -> Result<(), OwnerError> {
    config.influx.keep_files();
    become_owner(&config.local.spool.dir, &needed(&config.local))
}

fn of_spool(local: &Local) -> Vec<&Path> {
    vec![&local.spool.dir]
}

/// The directories of a service that runs: of its spool and of its socket.
fn of_service(local: &Local) -> Vec<&Path> {
    let socket = local.control_socket.parent();
    std::iter::once(local.spool.dir.as_path())
        .chain(socket)
        .collect()
}

fn print_json(value: &impl serde::Serialize) -> Result<(), Error> {
    Ok(terminal::print_json(value)?)
}

/// Starts logging as the configuration says, and hands it back.
fn start_logging<T>(configuration: T, local: impl Fn(&T) -> &Local) -> T {
    logging::start(&local(&configuration).log);
    configuration
}
