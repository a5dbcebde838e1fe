//! `shipper report`: how the models are doing, from the spool alone.

use std::fs;
use std::io::{self, Write as _};

use super::{Error, Shipper, Verdict, list};
use crate::base::human;
use crate::cli::args::SummaryArgs;
use crate::operate::List;
use crate::operate::report::{Collector, Overview, Table, html};

/// Characters of a line beyond which the eye loses it.
const WIDEST: usize = 100;

/// Prints tables or JSON, or writes a page.
///
/// # Errors
/// When the entries cannot be had, or the page cannot be written.
pub(super) async fn run(
    shipper: Shipper,
    host: &str,
    arguments: &SummaryArgs,
) -> Result<Verdict, Error> {
    let report = collect(&shipper, arguments).await?;
    shipper.close().await?;
    if let Some(path) = &arguments.html {
        let page = html(&report, host).map_err(io::Error::other)?;
        fs::write(path, page).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        })?;
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
