//! What an answer to a write means, as a pure function: [`decide`].
//!
//! Only 204 is a success. Everything else says who is to act: time ([`Outcome::RetryLater`]), an operator
//! ([`Outcome::Hold`]), the size of the batch ([`Outcome::TooLarge`]) or some of its lines ([`Outcome::Refused`]).
//!
//! Lines are refused only by an answer of a form that is known to be about lines ([`known`](super::known)), with a status that
//! InfluxDB gives it; any other 4xx is for an operator, who gets its words, and any other 5xx is the server's trouble.

use std::time::Duration;

use super::advice::{Advice, advice};
use super::known::{Sense, sense};
use super::reason::{Reason, reason_of};
use crate::sinks::{Cause, NumberedLine, Outcome, Refusal, Trouble};

/// What a server says to a body without points once it has found everything else right: 3.x, and 2.0.
const NO_POINTS: [&str; 2] = ["incoming write was empty", "writing requires points"];

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
    /// The first bytes of the body, as text: an answer that lists many lines is longer.
    pub body: String,
    /// The lines that the body gives the numbers of, also where it is longer than what `body` has of it.
    pub numbered: Vec<NumberedLine>,
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
    /// A key of the configuration is missing, or what it names cannot be used.
    Setting(String),
}

/// The meaning of `answer`.
#[must_use]
pub fn decide(answer: &HttpAnswer) -> Outcome {
    match answer {
        HttpAnswer::Response(response) => decide_response(response),
        HttpAnswer::Failed(failure) => decide_failure(failure),
    }
}

/// What `answer` says, without what fixes a write: for questions.
#[must_use]
pub(super) fn in_words(answer: &HttpAnswer) -> String {
    match answer {
        HttpAnswer::Response(response) => Complaint::of(response).words(),
        HttpAnswer::Failed(failure) => decide_failure(failure).into_reason(),
    }
}

/// The meaning of `answer` to a body without points: that they are missing is no fault then.
#[must_use]
pub(super) fn decide_empty(answer: &HttpAnswer) -> Outcome {
    let HttpAnswer::Response(response) = answer else {
        return decide(answer);
    };
    let own = reason_of(&response.body).own;
    if response.status == 400 && NO_POINTS.iter().any(|words| own.contains(words)) {
        return Outcome::Delivered;
    }
    decide(answer)
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
        Failure::Setting(what) => hold(what.clone()),
    }
}

fn decide_response(response: &Response) -> Outcome {
    let status = response.status;
    let complaint = Complaint::of(response);
    match status {
        204 => Outcome::Delivered,
        401 | 403 => {
            complaint.hold("check INFLUXDB_TOKEN, and that it may write to INFLUXDB_BUCKET")
        }
        407 => complaint.hold("the proxy wants credentials"),
        408 | 425 | 429 | 503 => complaint.later(Trouble::Busy),
        413 => complaint.too_large(),
        400 | 422 | 500 if !complaint.reason.html => complaint.by_form(),
        500..=599 => complaint.later(Trouble::Unexplained),
        400..=499 if !complaint.reason.html => complaint.for_an_operator(),
        _ => not_influxdb(status),
    }
}

/// An answer that is not a success.
struct Complaint<'a> {
    response: &'a Response,
    reason: Reason,
}

impl<'a> Complaint<'a> {
    fn of(response: &'a Response) -> Self {
        Self {
            response,
            reason: reason_of(&response.body),
        }
    }

    /// What 400, 422 and 500 mean: 1.x and 2.0 refuse lines by each of them.
    fn by_form(self) -> Outcome {
        match sense(&self.reason.own) {
            Some(Sense::Content) => self.refused(Cause::Content),
            Some(Sense::Retention) => {
                let keeps = self.reason.keeps();
                self.refused(Cause::BeyondRetention { keeps })
            }
            Some(Sense::State) => self.later(Trouble::Stated),
            Some(Sense::Busy) => self.later(Trouble::Busy),
            Some(Sense::Unclear) => self.later(Trouble::Unexplained),
            Some(Sense::TooLarge) => self.too_large(),
            Some(Sense::Fix(fix)) => self.hold(fix),
            None if self.response.status < 500 => self.for_an_operator(),
            None => self.later(Trouble::Unexplained),
        }
    }

    /// Any other 4xx: no line is to blame, and no time helps.
    fn for_an_operator(self) -> Outcome {
        match (sense(&self.reason.own), self.response.status) {
            (Some(Sense::Fix(fix)), _) => self.hold(fix),
            (_, 404) => self.hold(
                "check INFLUXDB_ORG, INFLUXDB_BUCKET, and INFLUXDB_API for the server's version",
            ),
            (_, status) if self.reason.text.is_empty() => not_influxdb(status),
            _ => self
                .hold("check INFLUXDB_URL, INFLUXDB_BUCKET and INFLUXDB_API, and the server's log"),
        }
    }

    fn hold(self, fix: &str) -> Outcome {
        Outcome::Hold {
            reason: format!("{}: {fix}", self.words()),
        }
    }

    fn too_large(self) -> Outcome {
        Outcome::TooLarge {
            reason: format!("{}: the request is too large", self.words()),
        }
    }

    fn later(self, trouble: Trouble) -> Outcome {
        Outcome::RetryLater {
            reason: self.explained(self.words()),
            after: self.response.retry_after,
            trouble,
        }
    }

    fn refused(self, cause: Cause) -> Outcome {
        let reason = self.explained(self.reason.text.clone());
        Outcome::Refused(Refusal {
            cause,
            dropped: self.reason.dropped(),
            named: self.reason.named,
            numbered: self.response.numbered.clone(),
            reason,
        })
    }

    /// `words` between what they mean and what fixes it, as far as that is known.
    fn explained(&self, words: String) -> String {
        let Advice { meaning, fix } = advice(&self.reason);
        let parts = meaning.into_iter().chain([words]).chain(fix);
        parts.collect::<Vec<_>>().join(": ")
    }

    fn words(&self) -> String {
        match (self.response.status, self.reason.text.as_str()) {
            (status, "") => format!("HTTP {status}"),
            (status, text) => format!("HTTP {status}: {text}"),
        }
    }
}

fn not_influxdb(status: u16) -> Outcome {
    Outcome::Hold {
        reason: format!(
            "HTTP {status} is not an answer of InfluxDB's write path: check INFLUXDB_URL, and for a proxy or a captive portal on the way"
        ),
    }
}

#[cfg(test)]
mod tests;
