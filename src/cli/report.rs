//! `shipper report`: how the models are doing, from the spool alone.

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::Args;

use super::outlet::Outlet;
use super::{Error, Shipper, Verdict, list};
use crate::base::human;
use crate::base::when::When;
use crate::cli::args::ReportArgs;
use crate::operate::List;
use crate::operate::Period;
use crate::operate::report::{Collector, Overview, Table, html};

/// Of `report`.
#[derive(Args, Debug)]
pub struct SummaryArgs {
    /// From this time on: 2026-11-23, 2026-11-23T14:00:00Z, or 24h (before now)
    #[arg(long, value_name = "TIME", default_value = "24h")]
    pub since: When,
    /// Up to this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<When>,
    /// Write one page with charts that needs nothing else, instead of tables; `-` for standard output
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

/// Characters of a line beyond which the eye loses it.
const WIDEST: usize = 100;

/// Prints tables or JSON, or writes a page.
///
/// # Errors
/// When the entries cannot be had, or the page cannot be written.
pub(super) async fn run(
    shipper: Shipper,
    host: &str,
    page: Option<Outlet>,
    arguments: &SummaryArgs,
) -> Result<Verdict, Error> {
    let report = collect(&shipper, arguments).await?;
    shipper.close().await?;
    if let Some(mut page) = page {
        let text = html(&report, host).map_err(io::Error::other)?;
        page.write(text.as_bytes())?;
        page.finish()?;
    }
    if arguments.report.json {
        super::print_json(&report)?;
    } else if arguments.html.is_none() {
        let width = human::columns().min(WIDEST);
        write!(io::stdout(), "{:width$}", Table(&report))?;
    }
    Ok(Verdict::Healthy)
}

/// Page by page, so that neither side holds more than one of the entries.
async fn collect(shipper: &Shipper, arguments: &SummaryArgs) -> Result<Overview, Error> {
    let mut list = List {
        period: arguments.period(),
        limit: usize::MAX,
        ..List::default()
    };
    let mut collector = Collector::default();
    loop {
        let page = list::page(shipper, list.clone()).await?;
        for entry in page.entries.iter().filter(|entry| !entry.is_purged()) {
            collector.record(entry.key.time, &entry.payload());
        }
        match page.next {
            Some(next) => list.from = next,
            None => return Ok(collector.finish()),
        }
    }
}
