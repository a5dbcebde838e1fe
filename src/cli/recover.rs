//! `shipper spool recover`: what is left in parts of the spool that were put aside.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::{Error, Shipper, Verdict};
use crate::base::human::{count, things};
use crate::base::terminal::say;
use crate::cli::args::ReportArgs;
use crate::operate::{Answer, ControlRequest, Recovered};

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

/// What came of one directory.
#[derive(Debug, Serialize)]
struct RecoverOutcome {
    #[serde(flatten)]
    recovered: Recovered,
    /// Whether it was removed afterwards.
    dropped: bool,
}

/// Reads them; unhealthy when something could not be read.
///
/// # Errors
/// When a directory is none of a spool, or the spool takes nothing.
pub(super) async fn run(shipper: Shipper, arguments: &RecoverArgs) -> Result<Verdict, Error> {
    let aside = aside(&shipper).await?;
    let named = arguments.dirs.iter().map(|dir| absolute(dir, &aside));
    let dirs: Vec<PathBuf> = match arguments.dirs.is_empty() {
        true => aside.iter().map(PathBuf::from).collect(),
        false => named.collect::<Result<_, _>>()?,
    };
    let mut outcomes = Vec::new();
    for dir in dirs {
        let request = ControlRequest::Recover { path: dir.clone() };
        let own = dir
            .to_str()
            .filter(|dir| aside.iter().any(|name| name == dir));
        let recovered = match shipper.ask(request).await {
            Ok(Answer::Recover { recovered }) => recovered,
            Ok(_) => return Err(Error::OtherAnswer),
            Err(error) if own.is_none() => return Err(Error::Recover(Box::new(error))),
            Err(error) => return Err(error),
        };
        let dropped = match own.filter(|_| arguments.drop) {
            Some(name) => forget(&shipper, name).await?,
            None => false,
        };
        outcomes.extend(
            recovered
                .into_iter()
                .map(|recovered| RecoverOutcome { recovered, dropped }),
        );
    }
    shipper.close().await?;
    if arguments.report.json {
        super::print_json(&outcomes)?;
    } else {
        print(&outcomes, arguments)?;
    }
    let is_lost = |outcome: &RecoverOutcome| outcome.recovered.records.lost != Some(0);
    Ok(match outcomes.iter().any(is_lost) {
        true => Verdict::Unhealthy,
        false => Verdict::Healthy,
    })
}

async fn aside(shipper: &Shipper) -> Result<Vec<String>, Error> {
    match shipper.ask(ControlRequest::Aside).await? {
        Answer::Aside { names } => Ok(names),
        _ => Err(Error::OtherAnswer),
    }
}

/// Whether it is gone then.
async fn forget(shipper: &Shipper, name: &str) -> Result<bool, Error> {
    let request = ControlRequest::ForgetAside {
        name: name.to_owned(),
    };
    match shipper.ask(request).await? {
        Answer::Aside { names } => Ok(!names.iter().any(|left| left == name)),
        _ => Err(Error::OtherAnswer),
    }
}

/// The service runs in another directory; what this spool put aside is known by its name.
fn absolute(dir: &Path, aside: &[String]) -> Result<PathBuf, Error> {
    let is_own = aside.iter().any(|name| Path::new(name) == dir);
    match is_own {
        true => Ok(dir.to_owned()),
        false => Ok(std::path::absolute(dir)?),
    }
}

fn print(outcomes: &[RecoverOutcome], arguments: &RecoverArgs) -> Result<(), Error> {
    for RecoverOutcome { recovered, dropped } in outcomes {
        let records = &recovered.records;
        let lost = match records.lost {
            Some(lost) => count(lost),
            None => "an unknown number".to_owned(),
        };
        say(format_args!(
            "{}: {} read: {} new, {} known, {} delivered or given up before; {lost} lost{}",
            recovered.dir.display(),
            things(records.readable, "entry", "entries"),
            count(records.new),
            count(records.duplicates),
            count(records.settled),
            if *dropped { "; removed" } else { "" },
        ))?;
    }
    if outcomes.is_empty() {
        say("nothing was put aside")?;
    } else if !arguments.drop {
        say("what this spool put aside stays and counts against its cap: --drop removes it")?;
    }
    Ok(())
}
