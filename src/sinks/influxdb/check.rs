//! What has to be right at a server and on the way to it, each with what fixes it. The judges are pure.

use std::time::Duration;

use super::answer::decide_empty;
use super::body::Body;
use super::client::Client;
use super::probe;
use crate::base::finding::Finding;
use crate::base::human::{count, span};
use crate::config::{Api, Config, TokenSource};
use crate::record::layout::MsgHashAs;
use crate::sinks::{Checked, Outcome};

/// Values of one tag that InfluxDB 1.x takes by default (`max-values-per-tag`).
const MAX_VALUES_PER_TAG: u64 = 100_000;

/// See [`crate::sinks::Sink::check`].
pub(super) async fn check(config: &Config, oldest: Duration) -> Checked {
    let mut findings = vec![token(&config.influx.token)];
    let client = match Client::new(config.influx.clone()) {
        Ok(client) => client,
        Err(error) => {
            let fix = "see INFLUXDB_CA_FILE";
            findings.push(Finding::fail("server", error.to_string(), fix));
            return Checked {
                findings,
                skew: None,
            };
        }
    };
    match probe::greet(&client).await {
        Ok(greeting) => {
            let version = greeting.version.as_deref().unwrap_or("of unknown version");
            let found = format!("InfluxDB {version} answers");
            findings.push(Finding::pass("server", found));
            let answer = client.write(&Body::empty()).await;
            findings.push(judge_write(&decide_empty(&answer)));
            findings.push(retention(&client, oldest).await);
            let values = probe::msg_hash_values(&client).await.ok().flatten();
            let form = config.local.layout.msg_hash_as;
            findings.push(judge_cardinality(config.influx.api, form, values));
            Checked {
                findings,
                skew: greeting.skew,
            }
        }
        Err(reason) => {
            let fix = "check INFLUXDB_URL, the network and the server; entries are kept meanwhile";
            findings.push(Finding::fail("server", reason, fix));
            Checked {
                findings,
                skew: None,
            }
        }
    }
}

fn token(source: &TokenSource) -> Finding {
    const CHECK: &str = "token";
    let TokenSource::File(file) = source else {
        return Finding::pass(CHECK, "given in the configuration");
    };
    let path = file.path();
    // What was kept from before does not count: the service has only what its user may read.
    match file.read_now() {
        Ok(text) if !text.trim_ascii().is_empty() => {
            Finding::pass(CHECK, format!("read from {}", path.display()))
        }
        Ok(_) => Finding::fail(
            CHECK,
            format!("{} is empty", path.display()),
            "put the token there",
        ),
        Err(error) => {
            let found = format!("{}: {error}", path.display());
            Finding::fail(CHECK, found, "let the user of the service read it")
        }
    }
}

async fn retention(client: &Client, oldest: Duration) -> Finding {
    match probe::retention(client).await {
        Ok(kept) => judge_retention(kept, oldest),
        Err(reason) => {
            let fix =
                "give the token permission to read the bucket, or compare with the backlog by hand";
            Finding::warn("retention", format!("cannot be read: {reason}"), fix)
        }
    }
}

/// What an empty write says about token and bucket: nothing is stored, everything else is checked.
fn judge_write(outcome: &Outcome) -> Finding {
    const CHECK: &str = "write access";
    match outcome {
        // 2.x misses the points only after it has checked organisation, bucket and token.
        Outcome::Delivered | Outcome::Refused(_) | Outcome::TooLarge { .. } => {
            Finding::pass(CHECK, "the token may write to the bucket")
        }
        Outcome::Hold { reason } => {
            let fix = "check INFLUXDB_TOKEN, INFLUXDB_ORG, INFLUXDB_BUCKET and INFLUXDB_API";
            Finding::fail(CHECK, reason.clone(), fix)
        }
        Outcome::RetryLater { reason, .. } => Finding::fail(
            CHECK,
            reason.clone(),
            "wait for the server, or look at its log",
        ),
    }
}

/// Whether the bucket keeps points that are as old as the oldest pending one.
fn judge_retention(kept: Option<Duration>, oldest: Duration) -> Finding {
    const CHECK: &str = "retention";
    let Some(kept) = kept else {
        return Finding::pass(CHECK, "the bucket keeps everything");
    };
    let found = format!(
        "the bucket keeps {}, the oldest pending entry is {} old",
        span(kept),
        span(oldest)
    );
    if oldest > kept {
        let fix = "lengthen the bucket's retention: older entries will be refused, and kept in quarantine";
        return Finding::fail(CHECK, found, fix);
    }
    if oldest > kept / 2 {
        return Finding::warn(CHECK, found, "let InfluxDB take what is pending soon");
    }
    Finding::pass(CHECK, format!("the bucket keeps {}", span(kept)))
}

/// Whether one series a line is too many for this server.
fn judge_cardinality(api: Api, form: MsgHashAs, values: Option<u64>) -> Finding {
    const CHECK: &str = "cardinality";
    const FIX: &str = "set max-values-per-tag = 0 in InfluxDB, or SHIPPER_MSG_HASH_AS=field here before lines are read";
    match (form, api, values) {
        (MsgHashAs::Field, ..) => Finding::pass(CHECK, "msg_hash is a field"),
        (MsgHashAs::Tag, Api::V2, _) => Finding::pass(
            CHECK,
            "one series a line; 2.x has no limit, and slows down over millions",
        ),
        (MsgHashAs::Tag, Api::V1, None) => {
            Finding::warn(CHECK, "cannot tell how many values msg_hash has", FIX)
        }
        (MsgHashAs::Tag, Api::V1, Some(values)) => {
            let found = format!(
                "msg_hash has {} values; 1.x takes {} by default",
                count(values),
                count(MAX_VALUES_PER_TAG)
            );
            if values >= MAX_VALUES_PER_TAG / 2 {
                Finding::warn(CHECK, found, FIX)
            } else {
                Finding::pass(CHECK, found)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::finding::Grade::{Fail, Pass, Warn};

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn a_backlog_older_than_the_retention_is_a_failure() {
        assert_eq!(judge_retention(None, 400 * DAY).grade, Pass);
        assert_eq!(judge_retention(Some(30 * DAY), DAY).grade, Pass);
        assert_eq!(judge_retention(Some(30 * DAY), 16 * DAY).grade, Warn);
        assert_eq!(judge_retention(Some(30 * DAY), 31 * DAY).grade, Fail);
    }

    #[test]
    fn a_hold_names_the_keys_to_check() {
        let hold = Outcome::Hold {
            reason: "HTTP 401: unauthorized".to_owned(),
        };
        let finding = judge_write(&hold);
        assert_eq!(finding.grade, Fail);
        assert!(finding.fix.unwrap().contains("INFLUXDB_TOKEN"));
        assert_eq!(judge_write(&Outcome::Delivered).grade, Pass);
    }

    #[test]
    fn half_the_values_that_1_x_takes_are_a_warning() {
        assert_eq!(
            judge_cardinality(Api::V1, MsgHashAs::Tag, Some(49_999)).grade,
            Pass
        );
        assert_eq!(
            judge_cardinality(Api::V1, MsgHashAs::Tag, Some(50_000)).grade,
            Warn
        );
        assert_eq!(
            judge_cardinality(Api::V1, MsgHashAs::Field, Some(1_000_000)).grade,
            Pass
        );
        assert_eq!(judge_cardinality(Api::V2, MsgHashAs::Tag, None).grade, Pass);
    }

    #[test]
    fn a_backlog_near_its_end_has_something_that_helps() {
        assert!(judge_retention(Some(DAY), 2 * DAY).fix.is_some());
    }
}
