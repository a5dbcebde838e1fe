//! `shipper status`: how things stand, on one screen, for people; the exit code says it to programs.

use clap::Args;

use super::{Error, Shipper, Verdict, spool_stats};
use crate::base::human::Tone;
use crate::base::terminal::{self, Stream};
use crate::cli::args::ReportArgs;
use crate::config::Local;
use crate::counters::stats::Stats;

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

/// Prints one sentence and the table; unhealthy when somebody has to do something.
///
/// # Errors
/// When neither the service nor the spool can be had.
pub(super) async fn run(local: &Local, report: ReportArgs) -> Result<Verdict, Error> {
    let shipper = Shipper::reach(local).await?;
    let stats = shipper.stats().await?;
    shipper.close().await?;
    if report.json {
        super::print_json(&stats)?;
    } else {
        let palette = Stream::Out.palette();
        let tone = if stats.is_healthy() {
            Tone::Good
        } else {
            Tone::Bad
        };
        let mut text = palette.paint(tone, &headline(&stats));
        text.end_line();
        text.end_line();
        text.push(&spool_stats::table(&stats, palette));
        terminal::print(&text)?;
    }
    Ok(if stats.is_healthy() {
        Verdict::Healthy
    } else {
        Verdict::Unhealthy
    })
}

/// `shipper 0.2.0: 12,340 pending, InfluxDB unreachable since 14:02, next try in 40 s`.
pub(super) fn headline(stats: &Stats) -> String {
    format!("shipper {}: {}", stats.version, stats.in_words())
}
