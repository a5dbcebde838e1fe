//! `shipper quarantine`: what InfluxDB refuses.

use std::io::{self, Write as _};

use serde::Serialize;
use spool::State;

use super::list::{self, View};
use super::{Error, Shipper, Verdict};
use crate::base::columns::{self, Cell, Column, Row};
use crate::base::human::things;
use crate::cli::args::{DropArgs, QuarantineListArgs};
use crate::operate::{Answer, ControlRequest, List, Which};

/// Lists entries in quarantine, each with its reason.
///
/// # Errors
/// When they cannot be had.
pub(super) async fn list(
    shipper: Shipper,
    arguments: &QuarantineListArgs,
) -> Result<Verdict, Error> {
    let list = List {
        period: arguments.period.period(),
        state: Some(State::Quarantined),
        ..List::default()
    };
    let entries = list::gather(&shipper, list, arguments.limit).await?;
    shipper.close().await?;
    if arguments.report.json {
        super::print_json(&entries.iter().map(View::of).collect::<Vec<_>>())?;
        return Ok(Verdict::Healthy);
    }
    let rows = entries.iter().flat_map(|entry| {
        let view = View::of(entry);
        let reason = view.reason.as_deref().unwrap_or_default();
        let reason = [Cell::new(""), Cell::new(""), columns::untrusted(reason)];
        let head = [view.time(), view.short_hash(), view.beginning()];
        [columns::one_line(head), Row::from(reason)]
    });
    list::print(&[Column::Left, Column::Left, Column::Rest], rows)?;
    if entries.is_empty() {
        writeln!(io::stdout(), "nothing is in quarantine")?;
    }
    Ok(Verdict::Healthy)
}

/// What a drop did.
#[derive(Serialize)]
struct Dropped {
    /// Entries given up.
    entries: u64,
}

/// Gives entries up.
///
/// # Errors
/// When no entry, or more than one, is meant by a hash.
pub(super) async fn drop(shipper: Shipper, arguments: &DropArgs) -> Result<Verdict, Error> {
    let which = match &arguments.hash {
        None => Which::All,
        Some(hash) => Which::Numbers(vec![list::find(&shipper, hash).await?.seq]),
    };
    let Answer::Drop { entries } = shipper.ask(ControlRequest::Drop(which)).await? else {
        return Err(Error::OtherAnswer);
    };
    shipper.close().await?;
    if arguments.report.json {
        super::print_json(&Dropped { entries })?;
    } else {
        let entries = things(entries, "entry", "entries");
        println!("{entries} given up, counted as expired");
    }
    Ok(Verdict::Healthy)
}
