//! `shipper quarantine`: what InfluxDB refuses.

use std::io::{self, Write as _};

use serde::Serialize;
use spool::State;

use super::list::{self, View, one_line};
use super::{Error, Shipper, Verdict};
use crate::base::human::{self, things};
use crate::cli::args::{DropArgs, QuarantineListArgs};
use crate::operate::{Answer, List, Request, Which};

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
    let mut out = io::stdout().lock();
    for entry in &entries {
        let view = View::of(entry);
        writeln!(
            out,
            "{}  {:.12}  {}",
            view.time,
            view.hash,
            one_line(&view.message, human::columns().saturating_sub(36).max(10))
        )?;
        writeln!(out, "    {}", view.reason.unwrap_or_default())?;
    }
    if entries.is_empty() {
        writeln!(out, "nothing is in quarantine")?;
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
    let Answer::Drop { entries } = shipper.ask(Request::Drop(which)).await? else {
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
