//! What an answer to a write means: one pure table, [`decide`].
//!
//! Only 204 is a success. Everything else says who is to act: time ([`Outcome::RetryLater`]), an operator
//! ([`Outcome::Hold`]), the size of the batch ([`Outcome::TooLarge`]) or some of its lines ([`Outcome::Refused`]).

use std::time::Duration;

use super::reason::{Reason, reason_of};
use crate::sinks::{Outcome, Refusal, Trouble};

/// What came of one POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpAnswer {
    /// An HTTP answer, whoever gave it.
    Response(Response),
    /// No answer.
    Failed(Failure),
}

/// The parts of an HTTP answer that matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    /// How long `Retry-After` asks to wait.
    pub retry_after: Option<Duration>,
    /// The first bytes of the body, as text; complete for every answer InfluxDB gives in practice.
    pub body: String,
}

/// Why there was no answer; the text names no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The request did not end within the time allowed.
    Timeout,
    /// No connection, or it broke.
    Connection(String),
    /// The host name does not resolve.
    Dns(String),
    /// The server's certificate is not one to trust.
    Certificate(String),
    /// The token cannot be read or cannot be sent.
    Token(String),
}

/// The meaning of `answer`.
#[must_use]
pub fn decide(answer: &HttpAnswer) -> Outcome {
    match answer {
        HttpAnswer::Response(response) => decide_response(response),
        HttpAnswer::Failed(failure) => decide_failure(failure),
    }
}

fn decide_failure(failure: &Failure) -> Outcome {
    let later = |reason: String| Outcome::RetryLater {
        reason,
        after: None,
        trouble: Trouble::Unexplained,
    };
    let hold = |reason: String| Outcome::Hold { reason };
    match failure {
        Failure::Timeout => later("no answer in time".to_owned()),
        Failure::Connection(what) => later(what.clone()),
        Failure::Dns(what) => hold(format!(
            "{what}: the host in INFLUXDB_URL does not resolve; check the name and the DNS"
        )),
        Failure::Certificate(what) => hold(format!(
            "{what}: check the host in INFLUXDB_URL, or name the server's CA in INFLUXDB_CA_FILE"
        )),
        Failure::Token(what) => hold(what.clone()),
    }
}

fn decide_response(response: &Response) -> Outcome {
    let reason = reason_of(&response.body);
    let said = |fix: &str| {
        let status = response.status;
        match reason.text.as_str() {
            "" => format!("HTTP {status}: {fix}"),
            text => format!("HTTP {status}: {text}: {fix}"),
        }
    };
    let hold = |fix: &str| Outcome::Hold { reason: said(fix) };
    match response.status {
        204 => Outcome::Delivered,
        401 | 403 => hold("check INFLUXDB_TOKEN, and that it may write to INFLUXDB_BUCKET"),
        404 => {
            hold("check INFLUXDB_ORG, INFLUXDB_BUCKET, and INFLUXDB_API for the server's version")
        }
        407 => hold("the proxy wants credentials"),
        408 | 425 | 429 => later(response, &reason),
        413 => Outcome::TooLarge {
            reason: said("the request is too large"),
        },
        400 | 422 if reason.html => not_influxdb(response.status),
        400 | 422 => refused(reason),
        500 if reason.text.contains("partial write") && !reason.is_server_fault() => {
            refused(reason)
        }
        500 if reason.text.contains("retention policy not found") => {
            hold("check INFLUXDB_BUCKET (database/retention-policy)")
        }
        500..=599 => later(response, &reason),
        status => not_influxdb(status),
    }
}

fn later(response: &Response, reason: &Reason) -> Outcome {
    let text = match reason.text.as_str() {
        "" => String::new(),
        text => format!(": {text}"),
    };
    Outcome::RetryLater {
        reason: format!("HTTP {}{text}", response.status),
        after: response.retry_after,
        trouble: Trouble::Unexplained,
    }
}

fn not_influxdb(status: u16) -> Outcome {
    Outcome::Hold {
        reason: format!(
            "HTTP {status} is not an answer of InfluxDB's write path: check INFLUXDB_URL, and for a proxy or a captive portal on the way"
        ),
    }
}

fn refused(reason: Reason) -> Outcome {
    if let Some(fix) = reason.fix() {
        return Outcome::Hold {
            reason: format!("{}: {fix}", reason.text),
        };
    }
    if reason.is_server_fault() {
        return Outcome::RetryLater {
            reason: reason.text,
            after: None,
            trouble: Trouble::Stated,
        };
    }
    Outcome::Refused(Refusal {
        cause: reason.cause(),
        dropped: reason.dropped(),
        named: reason.named,
        reason: reason.text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::Cause;

    /// What is told apart in the table below.
    #[derive(Debug, PartialEq)]
    enum Is {
        Delivered,
        Later(Option<u64>),
        Hold,
        TooLarge,
        Refused(Cause, Option<usize>),
    }

    fn is(outcome: Outcome) -> Is {
        match outcome {
            Outcome::Delivered => Is::Delivered,
            Outcome::RetryLater { after, .. } => Is::Later(after.map(|after| after.as_secs())),
            Outcome::Hold { reason } => {
                assert!(!reason.is_empty());
                Is::Hold
            }
            Outcome::TooLarge { .. } => Is::TooLarge,
            Outcome::Refused(refusal) => Is::Refused(refusal.cause, refusal.dropped),
        }
    }

    #[test]
    fn every_answer_has_its_outcome() {
        use Cause::Content;
        let beyond = || Cause::BeyondRetention { keeps: None };
        let html = "<html><body>Welcome to the hotel</body></html>";
        let conflict = r#"{"error":"partial write: field type conflict: input field \"message\" on measurement \"ollama_logs\" is type string, already exists as type float dropped=2"}"#;
        let retention = r#"{"error":"partial write: points beyond retention policy dropped=7"}"#;
        let retention_2 = r#"{"code":"unprocessable entity","message":"failure writing points to database: partial write: dropped 3 points outside retention policy of duration 1h0m0s"}"#;
        let parse_1 =
            r#"{"error":"partial write: unable to parse 'a v= 1': missing field value dropped=0"}"#;
        let parse_2 =
            r#"{"code":"invalid","message":"unable to parse 'a v= 1': missing field value"}"#;
        let tags = r#"{"error":"partial write: max-values-per-tag limit exceeded (100000/100000): measurement=\"ollama_logs\" tag=\"msg_hash\" value=\"ab\" dropped=1"}"#;
        let full =
            r#"{"error":"partial write: write /data/1.wal: no space left on device dropped=0"}"#;
        for (status, body, expected) in [
            (204, "", Is::Delivered),
            (200, "", Is::Hold),
            (200, html, Is::Hold),
            (201, "", Is::Hold),
            (202, "", Is::Hold),
            (206, "", Is::Hold),
            (301, "", Is::Hold),
            (302, html, Is::Hold),
            (307, "", Is::Hold),
            (308, "", Is::Hold),
            (400, html, Is::Hold),
            (400, "", Is::Refused(Content, None)),
            (400, conflict, Is::Refused(Content, Some(2))),
            (400, retention, Is::Refused(beyond(), Some(7))),
            (400, parse_1, Is::Refused(Content, None)),
            (400, parse_2, Is::Refused(Content, None)),
            (400, tags, Is::Hold),
            (400, full, Is::Later(None)),
            (400, r#"{"error":"database is required"}"#, Is::Hold),
            (401, "", Is::Hold),
            (402, "", Is::Hold),
            (403, "", Is::Hold),
            (404, r#"{"error":"database not found: \"nope\""}"#, Is::Hold),
            (405, "", Is::Hold),
            (407, html, Is::Hold),
            (408, "", Is::Later(Some(5))),
            (411, "", Is::Hold),
            (413, html, Is::TooLarge),
            (413, r#"{"error":"Request Entity Too Large"}"#, Is::TooLarge),
            (415, "", Is::Hold),
            (422, retention_2, Is::Refused(beyond(), Some(3))),
            (422, html, Is::Hold),
            (425, "", Is::Later(Some(5))),
            (429, "", Is::Later(Some(5))),
            (500, "", Is::Later(Some(5))),
            (500, html, Is::Later(Some(5))),
            (500, r#"{"error":"engine is closed"}"#, Is::Later(Some(5))),
            (500, conflict, Is::Refused(Content, Some(2))),
            (500, full, Is::Later(Some(5))),
            (
                500,
                r#"{"error":"retention policy not found: rp"}"#,
                Is::Hold,
            ),
            (502, html, Is::Later(Some(5))),
            (503, "", Is::Later(Some(5))),
            (504, html, Is::Later(Some(5))),
            (599, "", Is::Later(Some(5))),
            (600, "", Is::Hold),
        ] {
            let answer = HttpAnswer::Response(Response {
                status,
                retry_after: Some(Duration::from_secs(5)),
                body: body.to_owned(),
            });
            assert_eq!(is(decide(&answer)), expected, "HTTP {status}: {body}");
        }
        let text = || "text".to_owned();
        for (failure, expected) in [
            (Failure::Timeout, Is::Later(None)),
            (Failure::Connection(text()), Is::Later(None)),
            (Failure::Dns(text()), Is::Hold),
            (Failure::Certificate(text()), Is::Hold),
            (Failure::Token(text()), Is::Hold),
        ] {
            assert_eq!(is(decide(&HttpAnswer::Failed(failure))), expected);
        }
    }

    #[test]
    fn a_hold_says_what_to_fix() {
        let hold = |status| {
            let response = Response {
                status,
                ..Response::default()
            };
            match decide(&HttpAnswer::Response(response)) {
                Outcome::Hold { reason } => reason,
                other => panic!("{other:?}"),
            }
        };
        assert!(hold(401).contains("INFLUXDB_TOKEN"));
        assert!(hold(404).contains("INFLUXDB_BUCKET"));
        assert!(hold(302).contains("INFLUXDB_URL"));
    }
}
