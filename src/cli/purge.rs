//! `shipper spool purge`: entries removed from the spool for good, and what to tell the server.

use clap::Args;
use serde::Serialize;

use super::list::{self, View};
use super::{Error, Shipper, Verdict};
use crate::base::columns::{Column, TableRow};
use crate::base::human::things;
use crate::base::terminal::say;
use crate::cli::args::{ReportArgs, hash_prefix};
use crate::config::{Api, Server};
use crate::operate::{self, Answer, BadPattern, ControlRequest, Effect, Listed, Purge};
use crate::sinks::influxdb::deletes;

/// Of `spool purge`.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("meant").required(true).multiple(true))]
pub struct PurgeArgs {
    /// How their hashes begin
    #[arg(group = "meant", value_name = "HASH", value_parser = hash_prefix)]
    pub hashes: Vec<String>,
    /// Every entry whose text this regular expression matches
    #[arg(long = "match", group = "meant", value_name = "REGEX", value_parser = pattern)]
    pub pattern: Option<String>,
    /// Show which, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How to report.
    #[command(flatten)]
    pub report: ReportArgs,
}

fn pattern(text: &str) -> Result<String, BadPattern> {
    operate::check_pattern(text)?;
    Ok(text.to_owned())
}

/// What was purged, or would be.
#[derive(Debug, Serialize)]
struct PurgeOutcome {
    /// Whether it was done.
    purged: bool,
    /// The hashes.
    hashes: Vec<String>,
    /// What to run against the server.
    deletes: Vec<String>,
    /// What was put aside as damaged and may still hold the entries.
    aside: Vec<String>,
}

/// Purges generation by generation.
///
/// # Errors
/// When a hash means no entry, or more than one.
pub(super) async fn run(
    shipper: Shipper,
    server: &Server,
    arguments: &PurgeArgs,
) -> Result<Verdict, Error> {
    let mut hashes = Vec::new();
    for prefix in &arguments.hashes {
        hashes.push(list::find(&shipper, prefix).await?.key.hash.to_string());
    }
    let effect = match arguments.dry_run {
        true => Effect::Count,
        false => Effect::Apply,
    };
    let mut purge = Purge {
        hashes,
        pattern: arguments.pattern.clone(),
        from: 0,
        effect,
    };
    let mut entries = Vec::new();
    loop {
        let Answer::List(page) = shipper.ask(ControlRequest::Purge(purge.clone())).await? else {
            return Err(Error::OtherAnswer);
        };
        entries.extend(page.entries);
        match page.next {
            Some(next) => purge.from = next,
            None => break,
        }
    }
    let Answer::Aside { names } = shipper.ask(ControlRequest::Aside).await? else {
        return Err(Error::OtherAnswer);
    };
    shipper.close().await?;
    let outcome = PurgeOutcome {
        purged: !arguments.dry_run,
        hashes: entries
            .iter()
            .map(|entry| entry.key.hash.to_string())
            .collect(),
        deletes: entries
            .iter()
            .flat_map(|entry| deletes_of(entry, server))
            .collect(),
        aside: names,
    };
    if arguments.report.json {
        super::print_json(&outcome)?;
    } else {
        print(&entries, &outcome, server)?;
    }
    Ok(Verdict::Healthy)
}

/// What tells the server to forget an entry, in the words of 1.x and of 2.x where nobody says which one it is; nothing for an
/// entry that nobody can read, which never got there.
fn deletes_of(entry: &Listed, server: &Server) -> Vec<String> {
    entry
        .with_record(|record| {
            let apis = server.api.map_or(vec![Api::V1, Api::V2], |api| vec![api]);
            let of = |api| deletes(record, api, &server.bucket);
            let all: Result<Vec<_>, _> = apis.into_iter().map(of).collect();
            all.map(|deletes| deletes.concat())
        })
        .unwrap_or_default()
}

fn print(entries: &[Listed], outcome: &PurgeOutcome, server: &Server) -> Result<(), Error> {
    let number = things(entries.len() as u64, "entry", "entries");
    if outcome.purged {
        say(format_args!("{number} removed from the spool for good"))?;
    } else {
        let rows = entries.iter().map(|entry| {
            let view = View::of(entry);
            TableRow::one_line([view.time(), view.short_hash(), view.beginning()])
        });
        list::print(&[Column::Left, Column::Left, Column::Rest], rows)?;
        say(format_args!("{number} would be removed"))?;
    }
    if !outcome.deletes.is_empty() {
        say("")?;
        say("InfluxDB may have them too. To delete them there:")?;
        say("")?;
        outcome.deletes.iter().try_for_each(say)?;
    }
    if matches!(server.api, None | Some(Api::V3)) && !entries.is_empty() {
        say("")?;
        say(
            "InfluxDB 3.x deletes no single points: what it has of them goes with the table, or with the database's retention.",
        )?;
    }
    if !outcome.aside.is_empty() {
        say("")?;
        say(
            "Parts of the spool that were put aside as damaged may still hold them: `shipper spool recover --drop`, then purge again.",
        )?;
    }
    Ok(())
}
