//! `shipper spool verify`: every generation is read in full.

use clap::Args;
use spool::Verified;
use tracing::Level;

use super::progress::Progress;
use super::{Error, Shipper, Verdict};
use crate::base::human::{count, things};
use crate::base::terminal::{Safe, say, tell};
use crate::cli::args::ReportArgs;
use crate::operate::{Answer, ControlRequest, Effect};

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

/// Verifies generation by generation; unhealthy when one is damaged.
///
/// # Errors
/// When the spool cannot be read at all.
pub(super) async fn run(shipper: Shipper, arguments: &VerifyArgs) -> Result<Verdict, Error> {
    let effect = if arguments.repair {
        Effect::Apply
    } else {
        Effect::Count
    };
    let mut found: Vec<Verified> = Vec::new();
    let mut progress = None;
    loop {
        let after = found.last().map(|verified| verified.generation.0);
        let answer = shipper
            .ask(ControlRequest::Verify { after, effect })
            .await?;
        let Answer::Verify {
            verified,
            generations,
        } = answer
        else {
            return Err(Error::OtherAnswer);
        };
        let Some(verified) = verified else { break };
        let progress =
            progress.get_or_insert_with(|| Progress::new(generations, "generations verified"));
        found.push(verified);
        progress.set(found.len() as u64, &Safe::default());
    }
    if let Some(progress) = progress {
        progress.finish("every generation was read");
    }
    let repaired = shipper.repaired().cloned();
    let aside = shipper.stats().await?.spool.aside;
    shipper.close().await?;
    report(&found, aside.as_deref(), arguments)?;
    if let Some(recovery) = &repaired {
        let line = Safe::line(format_args!("repaired on opening: {recovery}"));
        tell(Level::WARN, &line);
    }
    let sound = repaired.is_none() && found.iter().all(|verified| verified.damage.is_none());
    Ok(if sound {
        Verdict::Healthy
    } else {
        Verdict::Unhealthy
    })
}

fn report(found: &[Verified], aside: Option<&str>, arguments: &VerifyArgs) -> Result<(), Error> {
    if arguments.report.json {
        return super::print_json(&found);
    }
    for verified in found {
        let records = things(verified.records, "entry", "entries");
        let state = verified.damage.as_deref().unwrap_or("sound");
        say(format_args!(
            "{}  {records}, {} undelivered: {state}",
            verified.generation,
            count(verified.undelivered)
        ))?;
    }
    let damaged = found
        .iter()
        .filter(|verified| verified.damage.is_some())
        .count();
    if let Some(aside) = aside {
        say(format_args!(
            "put aside as damaged: {aside}; `shipper spool recover` reads what is left in it"
        ))?;
    }
    match (damaged, arguments.repair) {
        (0, _) => say("all generations are sound"),
        (_, true) => say(
            "damaged generations were put aside; the journal is read again from where they began",
        ),
        (_, false) => say("run it again with --repair to put damaged generations aside"),
    }?;
    Ok(())
}
