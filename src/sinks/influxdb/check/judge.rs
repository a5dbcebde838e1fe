//! From what a server answers to a verdict (pure).

use std::time::Duration;

use super::HashThere;
use crate::base::finding::Finding;
use crate::base::human::{count, span};
use crate::config::Api;
use crate::record::layout::MsgHashAs;
use crate::sinks::influxdb::answer::{Failure, HttpAnswer, in_words};
use crate::sinks::influxdb::greeting::Ping;
use crate::sinks::influxdb::version::Spoken;
use crate::sinks::{Backlogged, Outcome};

/// Values of one tag that InfluxDB 1.x takes by default (`max-values-per-tag`).
const MAX_VALUES_PER_TAG: u64 = 100_000;

/// Series from which on reading lines back begins to take seconds (docs/cardinality.md).
const MANY_SERIES: u64 = 100_000;

/// Databases that InfluxDB 3 Core takes.
const MAX_DATABASES: usize = 5;

/// Bytes of the longest string that 3.x takes before 3.9.
const MAX_STRING: usize = 65_536;

pub(super) fn no_server(failure: &Failure) -> Finding {
    let reason = in_words(&HttpAnswer::Failed(failure.clone()));
    let fix = "check INFLUXDB_URL, the network and the server; entries are kept meanwhile";
    Finding::fail("server", reason, fix)
}

/// What answers to `/ping`. Where it tells no version, whether it is one to write to shows only when it is written to.
pub(super) fn server(ping: &Ping, write: &Outcome) -> Finding {
    const CHECK: &str = "server";
    let (spoken, status) = (&ping.spoken, ping.status);
    let api = spoken.api.name();
    if spoken.version.is_some() {
        let found = format!("{spoken} answers; it is spoken to by {api}");
        if spoken.own_api() == spoken.api {
            return Finding::pass(CHECK, found);
        }
        let own = spoken.own_api().name();
        let found = format!("{found}, as INFLUXDB_API says, and its own API is {own}");
        return match (write, spoken.own_api()) {
            (Outcome::Delivered, Api::V1 | Api::V2) => Finding::pass(CHECK, found),
            _ => Finding::warn(CHECK, found, "set INFLUXDB_API=auto"),
        };
    }
    match (write, status) {
        (Outcome::Delivered, 200 | 204) => {
            let found = format!("answers and takes lines by {api}; tells no version");
            Finding::pass(CHECK, found)
        }
        (Outcome::Delivered, _) => {
            let found = format!("takes lines by {api}, and answers HTTP {status} to /ping");
            let fix = "set INFLUXDB_API, so that nothing has to be assumed; let a proxy on the way pass /ping";
            Finding::warn(CHECK, found, fix)
        }
        // What a write comes to is another check's to say.
        (_, 204) => Finding::pass(
            CHECK,
            format!("answers, and tells no version; it is spoken to by {api}"),
        ),
        (_, 401 | 403) => {
            let found = format!(
                "HTTP {status} to /ping: it wants another token to say what it is, as 3.x does"
            );
            Finding::fail(CHECK, found, "check INFLUXDB_TOKEN")
        }
        _ => {
            let found =
                format!("HTTP {status} to /ping, without a version, is not an answer of InfluxDB");
            let fix = "check INFLUXDB_URL, and for a proxy or a captive portal on the way";
            Finding::fail(CHECK, found, fix)
        }
    }
}

/// What an attempt to write that stores nothing says of token and bucket.
pub(super) fn write(outcome: &Outcome) -> Finding {
    const CHECK: &str = "write access";
    match outcome {
        Outcome::Delivered => Finding::pass(CHECK, "the token may write to the bucket"),
        Outcome::Hold { reason } => {
            let fix = "check INFLUXDB_TOKEN, INFLUXDB_ORG, INFLUXDB_BUCKET and INFLUXDB_API";
            Finding::fail(CHECK, reason.clone(), fix)
        }
        other => {
            let reason = other.clone().into_reason();
            Finding::fail(CHECK, reason, "wait for the server, or look at its log")
        }
    }
}

/// Whether questions are answered; `error` is why not. 2.x says of a bucket that may not be read that there is none.
pub(super) fn read(api: Api, error: Option<&String>) -> Finding {
    const CHECK: &str = "read access";
    match error {
        None => Finding::pass(CHECK, "the token may read from the bucket"),
        Some(error) if is_to_come(api, error) => Finding::pass(CHECK, "nothing to read yet"),
        Some(error) => {
            let fix = "nothing has to: only `replay --gaps`, and the checks of what is there, read; give the token permission to read for those";
            Finding::warn(CHECK, format!("cannot read: {error}"), fix)
        }
    }
}

/// Whether the bucket is there, or a write makes it.
pub(super) fn bucket(
    name: &str,
    api: Api,
    write: &Outcome,
    there: &Result<HashThere, String>,
    databases: Option<&[String]>,
) -> Finding {
    const CHECK: &str = "bucket";
    let exists = || Finding::pass(CHECK, format!("{name} exists"));
    let created = || {
        Finding::pass(
            CHECK,
            format!("{name} is not there yet: the first write creates it"),
        )
    };
    match (api, there, databases) {
        (Api::V3, _, Some(databases)) if databases.iter().any(|known| known == name) => exists(),
        (Api::V3, _, Some(databases)) if databases.len() >= MAX_DATABASES => {
            let found = format!("{name} is not there, and {} databases are", databases.len());
            let fix = "InfluxDB 3 Core takes no more than 5: delete one there, or name one in INFLUXDB_BUCKET";
            Finding::warn(CHECK, found, fix)
        }
        (Api::V3, _, Some(_)) => created(),
        (_, Ok(_), _) => exists(),
        (Api::V3, Err(error), _) if is_to_come(api, error) => created(),
        (Api::V3, Err(_), _) if matches!(write, Outcome::Delivered) => Finding::pass(
            CHECK,
            format!("the first write creates {name} if it is not there"),
        ),
        (Api::V1 | Api::V2, ..) if matches!(write, Outcome::Delivered) => exists(),
        (Api::V1 | Api::V2, Err(error), _) if is_missing(error) => {
            let fix = "create it, or check INFLUXDB_BUCKET and INFLUXDB_ORG; a token that may not see it gets the same answer";
            Finding::fail(CHECK, error.clone(), fix)
        }
        (_, Err(error), _) => {
            let fix = "see the check of the write access";
            Finding::warn(
                CHECK,
                format!("cannot tell whether it is there: {error}"),
                fix,
            )
        }
    }
}

/// The server says that it has none of that name.
fn is_missing(error: &str) -> bool {
    let error = error.to_ascii_lowercase();
    error.contains("not found") || error.contains("could not find")
}

/// The server says that there is no such database, and the first write makes it.
fn is_to_come(api: Api, error: &str) -> bool {
    api == Api::V3 && error.contains("database not found")
}

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
