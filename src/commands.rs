//! One file a command; here they are chosen, and get their configuration and runtime.

mod demo;
mod replay;
mod run;
mod spool_stats;

use std::io;
use std::path::PathBuf;

use crate::cli::{Cli, Command, SpoolCommand};
use crate::config::{Invalid, Local, Raw, RawError};
use crate::operate::{self, Answer, Operator, Request};
use crate::store::{Ended, Store};
use crate::{control, logging, service};

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
    /// The spool cannot be opened or read.
    #[error(transparent)]
    Spool(#[from] spool::Error),
    /// The running service did not answer.
    #[error(transparent)]
    Control(#[from] control::Error),
    /// The request failed.
    #[error(transparent)]
    Operate(#[from] operate::Error),
    /// The service failed.
    #[error(transparent)]
    Service(#[from] service::Error),
    /// The demo could not be played.
    #[error("demo: {0}")]
    Demo(String),
    /// The system refused something.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Error {
    /// Whether the mend is in the configuration or the command line.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        matches!(self, Self::Raw(_) | Self::Invalid(_))
    }
}

/// Runs the command that `cli` names.
///
/// # Errors
/// [`Error`]; its text is for the operator.
pub fn run(cli: Cli) -> Result<Verdict, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let Cli {
        config,
        set,
        command,
    } = cli;
    if let Command::Demo = command {
        return runtime.block_on(demo::run());
    }
    // Variables that are not Unicode cannot be ours.
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let raw = Raw::gather(config.as_deref(), environment, &set)?;
    match command {
        Command::Demo => Ok(Verdict::Healthy),
        Command::DemoService(arguments) => {
            let config = start_logging(raw.config()?, |config| &config.local);
            runtime.block_on(demo::run_service(config, &arguments))
        }
        Command::Run(arguments) => {
            let config = start_logging(raw.config()?, |config| &config.local);
            runtime.block_on(run::run(config, &arguments))
        }
        Command::Spool(SpoolCommand::Stats(report)) => {
            let local = start_logging(raw.local()?, |local| local);
            runtime.block_on(spool_stats::run(&local, report))
        }
        Command::Replay(arguments) => {
            let local = start_logging(raw.local()?, |local| local);
            runtime.block_on(replay::run(&local, &arguments))
        }
    }
}

/// Asks the running service; when none runs, opens the spool and answers from it.
async fn ask(local: &Local, request: Request) -> Result<Answer, Error> {
    let dir = &local.spool.dir;
    if let Some(answer) = control::ask(&local.control_socket, dir, request.clone()).await? {
        return Ok(answer);
    }
    if !dir.exists() {
        return Err(Error::NoSpool(dir.clone()));
    }
    let (store, _, thread) = Store::open(dir, service::spool_options(&local.spool))?;
    let operator = Operator::alone(store, dir.clone());
    let answer = operator.answer(request).await;
    drop(operator);
    // The thread ends with the last handle; the spool is closed once it has.
    thread.join().map_err(|_| operate::Error::from(Ended))?;
    Ok(answer?)
}

fn print_json(value: &impl serde::Serialize) -> Result<(), Error> {
    println!(
        "{}",
        serde_json::to_string_pretty(value).map_err(io::Error::from)?
    );
    Ok(())
}

/// Starts logging as the configuration says, and hands it back.
fn start_logging<T>(configuration: T, local: impl Fn(&T) -> &Local) -> T {
    logging::start(&local(&configuration).log);
    configuration
}
