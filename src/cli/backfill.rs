//! `shipper backfill`: the journal is read again from a time on.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::sync::watch;
use tokio::time::sleep;

use super::progress::{Progress as Bar, rebuilding};
use super::{Error, Shipper, Verdict};
use crate::base::human::things;
use crate::base::stop::Stop;
use crate::base::terminal::{Safe, say};
use crate::base::when::When;
use crate::cli::args::ReportArgs;
use crate::config::Config;
use crate::operate::backfill::{Backfill, BackfillPhase, BackfillProgress};
use crate::operate::{Answer, ControlRequest};
use crate::service;
use crate::sources::journal::{JournalSource, readers};
use crate::sources::{Changes, recall};
use crate::store::Store;

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

/// How often progress is looked at.
const GLANCE: Duration = Duration::from_millis(200);

/// Lets the running service read, or reads itself; waits for the end.
///
/// # Errors
/// When the journal or the spool cannot be had.
pub(super) async fn run(config: &Config, arguments: &BackfillArgs) -> Result<Verdict, Error> {
    let since = arguments.since.0;
    let local = &config.local;
    let progress =
        if crate::service::control::is_served(&local.control_socket, &local.spool.dir).await? {
            through_service(&Shipper::reach(local).await?, since).await?
        } else {
            alone(config, since).await?
        };
    if let BackfillPhase::Failed(reason) = progress.phase {
        return Err(Error::Backfill(reason));
    }
    if arguments.report.json {
        super::print_json(&progress)?;
    } else {
        let read = things(progress.read, "entry", "entries");
        say(format_args!(
            "{read} read from the journal, {} of them new",
            progress.new
        ))?;
        if progress.stalls > 0 {
            let stretches = things(progress.stalls, "damaged stretch", "damaged stretches");
            say(format_args!("{stretches} of the journal stepped over"))?;
        }
    }
    Ok(Verdict::Healthy)
}

async fn through_service(shipper: &Shipper, since: u64) -> Result<BackfillProgress, Error> {
    let mut answer = shipper.ask(ControlRequest::Backfill { since }).await?;
    let bar = bar(since);
    loop {
        let Answer::Backfill(progress) = answer else {
            return Err(Error::OtherAnswer);
        };
        show(&bar, &progress);
        if progress.phase != BackfillPhase::Running {
            bar.finish("the journal was read");
            return Ok(progress);
        }
        sleep(GLANCE).await;
        answer = shipper.ask(ControlRequest::Progress).await?;
    }
}

async fn alone(config: &Config, since: u64) -> Result<BackfillProgress, Error> {
    let local = &config.local;
    let (store, _, thread) = Store::open_observed(
        &local.spool.dir,
        service::spool_options(local),
        rebuilding(),
    )?;
    let stop = Stop::new()?;
    let (journal, insight) = (config.journal.clone(), config.insight);
    let backfill = Arc::new(Backfill::since(since));
    let running = Arc::clone(&backfill);
    let reading = tokio::task::spawn_blocking(move || {
        let (_feed, models) = watch::channel(Some(recall::models(&store).unwrap_or_default()));
        let source = JournalSource {
            changes: Changes::default(),
            config: journal,
            open: Arc::new(readers::open),
            status: running.counters(),
            models: insight.then_some(models),
        };
        running.run(&source, &store, &stop);
    });
    let bar = bar(since);
    while !reading.is_finished() {
        show(&bar, &backfill.progress());
        sleep(GLANCE).await;
    }
    reading.await.map_err(std::io::Error::other)?;
    bar.finish("the journal was read");
    // The spool is closed once its thread has ended.
    let _ = tokio::task::spawn_blocking(move || thread.join()).await;
    Ok(backfill.progress())
}

/// Seconds of the journal's time.
fn bar(since: u64) -> Bar {
    Bar::new(
        When::now().0.saturating_sub(since) / 1_000_000,
        "seconds of the journal",
    )
}

fn show(bar: &Bar, progress: &BackfillProgress) {
    let done = progress.at.saturating_sub(progress.since) / 1_000_000;
    let read = things(progress.read, "entry", "entries");
    bar.set(
        done,
        &Safe::line(format_args!("{read}, {} new", progress.new)),
    );
}
