//! From what a server says of its bucket and of itself to a verdict on what it holds, and on what it can hold (pure).

use std::time::Duration;

use super::HashThere;
use super::judge::is_to_come;
use crate::base::finding::Finding;
use crate::base::human::{count, span};
use crate::config::Api;
use crate::record::layout::MsgHashAs;
use crate::sinks::Backlogged;
use crate::sinks::influxdb::version::Spoken;

/// Values of one tag that InfluxDB 1.x takes by default (`max-values-per-tag`).
const MAX_VALUES_PER_TAG: u64 = 100_000;

/// Series from which on reading lines back begins to take seconds (docs/cardinality.md).
const MANY_SERIES: u64 = 100_000;

/// Bytes of the longest string that 3.x takes before 3.9.
const MAX_STRING: usize = 65_536;

/// Whether the bucket keeps points as old as those that will be sent.
pub(super) fn retention(
    api: Api,
    keeps: Result<Option<Duration>, String>,
    waiting: Backlogged,
    lookback: Duration,
) -> Finding {
    const CHECK: &str = "retention";
    let kept = match keeps {
        Ok(Some(kept)) => kept,
        Ok(None) => return Finding::pass(CHECK, "the bucket keeps everything"),
        Err(error) => {
            let fix =
                "give the token permission to read the bucket, or compare with the backlog by hand";
            return Finding::warn(CHECK, format!("cannot be read: {error}"), fix);
        }
    };
    let (oldest, what) = match waiting {
        Backlogged::Oldest(age) => (
            age,
            format!("the oldest pending entry is {} old", span(age)),
        ),
        Backlogged::NothingReadYet => (
            lookback,
            format!("a first run reads back {}", span(lookback)),
        ),
    };
    let found = format!("the bucket keeps {}, {what}", span(kept));
    if oldest > kept {
        let fix = match api {
            Api::V1 | Api::V2 => {
                "lengthen the bucket's retention: older entries will be refused, and kept in quarantine"
            }
            Api::V3 => "lengthen the database's retention: older entries will be taken, and hidden",
        };
        return match waiting {
            Backlogged::Oldest(_) => Finding::fail(CHECK, found, fix),
            Backlogged::NothingReadYet => {
                Finding::warn(CHECK, found, format!("{fix}; or shorten SHIPPER_LOOKBACK"))
            }
        };
    }
    if matches!(waiting, Backlogged::Oldest(_)) && oldest > kept / 2 {
        return Finding::warn(CHECK, found, "let InfluxDB take what is pending soon");
    }
    Finding::pass(CHECK, format!("the bucket keeps {}", span(kept)))
}

/// Whether lines carry their hash as those do that are there already.
pub(super) fn hash(api: Api, form: MsgHashAs, there: &Result<HashThere, String>) -> Finding {
    const CHECK: &str = "msg_hash";
    let (ours, theirs) = match form {
        MsgHashAs::Tag => ("tag", "field"),
        MsgHashAs::Field => ("field", "tag"),
    };
    let none = HashThere::default();
    let there = match there {
        Ok(there) => there,
        Err(error) if is_to_come(api, error) => &none,
        Err(error) => {
            let found =
                format!("is a {ours}; cannot tell what it is in lines that are there: {error}");
            let fix = "give the token permission to read the bucket, or look by hand: docs/cardinality.md";
            return Finding::warn(CHECK, found, fix);
        }
    };
    let (as_ours, is_other) = match form {
        MsgHashAs::Tag => (there.tag, there.field),
        MsgHashAs::Field => (there.field, there.tag),
    };
    if !is_other {
        let found = match as_ours {
            true => format!("is a {ours}, as in the lines that are there"),
            false => format!("is a {ours}; no line is there that has one"),
        };
        return Finding::pass(CHECK, found);
    }
    let found = format!("is a {ours} here, and a {theirs} in lines that are there");
    match api {
        Api::V3 => {
            let fix = format!(
                "set SHIPPER_MSG_HASH_AS={theirs}, or write to another database: 3.x never changes a column, and refuses the lines"
            );
            Finding::fail(CHECK, found, fix)
        }
        Api::V1 | Api::V2 => Finding::warn(
            CHECK,
            found,
            "queries for one of them miss the others: docs/cardinality.md has what to do",
        ),
    }
}

/// Whether one series a line is too many for this server.
pub(super) fn cardinality(
    api: Api,
    form: MsgHashAs,
    series: Result<Option<u64>, String>,
) -> Finding {
    const CHECK: &str = "cardinality";
    const ADVICE: &str = "SHIPPER_MSG_HASH_AS=field spares the lines that are read from then on; docs/cardinality.md has which queries stay fast";
    let series = match (api, series) {
        (Api::V3, _) => {
            return Finding::pass(CHECK, "3.x has no series: any number of values will do");
        }
        (_, Ok(series)) => series.unwrap_or(0),
        (_, Err(error)) => {
            let found = format!("cannot tell how many series there are: {error}");
            return match form {
                MsgHashAs::Field => {
                    Finding::pass(CHECK, "msg_hash is a field: a line makes no series")
                }
                MsgHashAs::Tag => Finding::warn(
                    CHECK,
                    found,
                    "give the token permission to read, or count by hand: docs/cardinality.md",
                ),
            };
        }
    };
    let found = format!("msg_hash is a tag of {} series", count(series));
    match (api, form) {
        (Api::V1, MsgHashAs::Tag) if series >= MAX_VALUES_PER_TAG / 2 => {
            let found = format!(
                "{found}; 1.x takes {} by default",
                count(MAX_VALUES_PER_TAG)
            );
            let fix = format!("set max-values-per-tag = 0 in InfluxDB; {ADVICE}");
            Finding::warn(CHECK, found, fix)
        }
        (_, MsgHashAs::Tag) if series >= MANY_SERIES => {
            let found = format!("{found}: a plain query for the last lines takes seconds by now");
            Finding::warn(CHECK, found, ADVICE)
        }
        (_, MsgHashAs::Field) => Finding::pass(
            CHECK,
            format!("msg_hash is a field: a line makes no series; {found} of before"),
        ),
        (_, MsgHashAs::Tag) => Finding::pass(CHECK, found),
    }
}

/// What this very version of 3.x cannot take, by whichever API it is spoken to.
pub(super) fn limits(spoken: &Spoken, longest: usize) -> Option<Finding> {
    const CHECK: &str = "limits";
    let version = spoken.numbers().filter(|numbers| numbers[0] == 3)?;
    let is_short = version < [3, 9, 0] && longest > MAX_STRING;
    let panics = ([3, 6, 0]..=[3, 9, 3]).contains(&version);
    let mut found = Vec::new();
    if is_short {
        found.push(format!(
            "{spoken} refuses messages over {} bytes, which then go to quarantine",
            count(MAX_STRING as u64)
        ));
    }
    if panics {
        found.push(format!(
            "{spoken} closes the connection without an answer where it should refuse a long line: such lines are found, which takes longer"
        ));
    }
    Some(if found.is_empty() {
        Finding::pass(CHECK, "no line is too long for this version")
    } else {
        let fix = match is_short {
            true => {
                "update InfluxDB to 3.10, or set SHIPPER_MAX_MESSAGE_BYTES=65536, which holds for what is read from then on"
            }
            false => "update InfluxDB to 3.10",
        };
        Finding::warn(CHECK, found.join("; "), fix)
    })
}

#[cfg(test)]
mod tests;
