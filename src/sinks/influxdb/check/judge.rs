//! From what a server answers to a verdict on it, on the token and on the bucket (pure).

use super::HashThere;
use crate::base::finding::Finding;
use crate::config::Api;
use crate::sinks::Outcome;
use crate::sinks::influxdb::answer::{Failure, HttpAnswer, in_words};
use crate::sinks::influxdb::greeting::Ping;

/// Databases that InfluxDB 3 Core takes.
const MAX_DATABASES: usize = 5;

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
pub(super) fn is_to_come(api: Api, error: &str) -> bool {
    api == Api::V3 && error.contains("database not found")
}

#[cfg(test)]
mod tests;
