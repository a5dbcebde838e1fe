//! `shipper replay`: what was delivered goes out again, after InfluxDB lost it.

use std::time::Duration;

use clap::Args;
use tokio::time::sleep;

use super::progress::Progress;
use super::{Error, Shipper, Verdict};
use crate::base::human::{self, things};
use crate::base::terminal::{Safe, say};
use crate::base::when::When;
use crate::cli::args::{PeriodArgs, ReportArgs};
use crate::config::Config;
use crate::operate::gaps::{self, Comparison, Hour, Unjudged};
use crate::operate::{Answer, ControlRequest, Effect, Replay, Replayable, Replayed};
use crate::sinks::Configured;

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

/// How often progress is looked at.
const GLANCE: Duration = Duration::from_millis(500);

/// Makes entries pending again, or counts them.
///
/// # Errors
/// When neither the service nor the spool can be had, or nobody is there to wait for.
pub(super) async fn run(shipper: Shipper, arguments: &ReplayArgs) -> Result<Verdict, Error> {
    let of = if arguments.quarantined {
        Replayable::Quarantined
    } else {
        Replayable::Delivered
    };
    let replay = Replay {
        period: arguments.period.period(),
        of,
        effect: effect(arguments),
    };
    let Answer::Replay(replayed) = shipper.ask(ControlRequest::Replay(replay)).await? else {
        return Err(Error::OtherAnswer);
    };
    report(&replayed, of, arguments)?;
    finish(shipper, arguments).await
}

/// The same for the hours of which InfluxDB has fewer points than the spool delivered.
///
/// # Errors
/// Also when InfluxDB cannot be asked.
pub(super) async fn run_gaps(
    shipper: Shipper,
    config: Config,
    arguments: &ReplayArgs,
) -> Result<Verdict, Error> {
    let sink = Configured::open(&config.influx)?;
    let ask = async |request| shipper.ask(request).await;
    let mut compared = gaps::find(&ask, &sink, arguments.period.period(), When::now()).await?;
    compared.hours.retain(|hour| hour.missing() > 0);
    let effect = effect(arguments);
    let entries = gaps::send_again(&ask, &compared.hours, effect).await?;
    if arguments.report.json {
        super::print_json(&compared.hours)?;
    } else {
        for hour in &compared.hours {
            say(in_words(hour, &compared))?;
        }
        let replayed = Replayed { entries, effect };
        report(&replayed, Replayable::Delivered, arguments)?;
    }
    finish(shipper, arguments).await
}

fn in_words(hour: &Hour, compared: &Comparison) -> String {
    let start = When(hour.start).to_local();
    let (there, here) = (human::count(hour.stored), human::count(hour.delivered));
    let there = match hour.derived_missing {
        0 => format!("{there} of {here}"),
        lacks => {
            let points = things(lacks, "point that follows", "points that follow");
            format!("{there} of {here}, without {points} from them")
        }
    };
    match hour.unjudged {
        None => format!("{start}: InfluxDB has {there}"),
        Some(Unjudged::BeyondRetention) => {
            let keeps = compared.keeps.map(human::span).unwrap_or_default();
            format!("{start}: cannot be judged: InfluxDB keeps {keeps}, and has {there}")
        }
        Some(Unjudged::Unanswered) => {
            let why = compared.unanswered.as_ref().map(ToString::to_string);
            let why = why.unwrap_or_default();
            format!("{start}: cannot be judged, {here} were delivered: {why}")
        }
    }
}

fn effect(arguments: &ReplayArgs) -> Effect {
    if arguments.dry_run {
        Effect::Count
    } else {
        Effect::Apply
    }
}

fn report(replayed: &Replayed, of: Replayable, arguments: &ReplayArgs) -> Result<(), Error> {
    if arguments.report.json {
        return super::print_json(replayed);
    }
    let entries = match of {
        Replayable::Delivered => things(replayed.entries, "delivered entry", "delivered entries"),
        Replayable::Quarantined => things(
            replayed.entries,
            "entry in quarantine",
            "entries in quarantine",
        ),
    };
    match (replayed.effect, replayed.entries) {
        (Effect::Count, _) => say(format_args!("{entries} would be sent again")),
        (Effect::Apply, 1) => say(format_args!("{entries} is pending again")),
        (Effect::Apply, _) => say(format_args!("{entries} are pending again")),
    }?;
    Ok(())
}

/// Waits, when that was asked for.
async fn finish(shipper: Shipper, arguments: &ReplayArgs) -> Result<Verdict, Error> {
    if arguments.wait && !arguments.dry_run {
        until_drained(&shipper).await?;
    }
    shipper.close().await?;
    Ok(Verdict::Healthy)
}

/// Waits until nothing is pending.
async fn until_drained(shipper: &Shipper) -> Result<(), Error> {
    if !shipper.is_service() {
        return Err(Error::NobodySends);
    }
    let mut stats = shipper.stats().await?;
    let total = stats.spool.ledger.pending;
    let progress = Progress::new(total, "entries sent");
    while stats.spool.ledger.pending > 0 {
        let left = stats.spool.ledger.pending;
        // What was read meanwhile is waited for, too.
        progress.set(total.saturating_sub(left), &Safe::line(stats.in_words()));
        sleep(GLANCE).await;
        stats = shipper.stats().await?;
    }
    progress.finish("everything was sent");
    Ok(())
}
