//! [`Sink`], and what goes in and out of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use spool::Records;

use super::Outcome;
use crate::base::finding::Finding;
use crate::config::{Config, Secret};
use crate::record::DerivedSet;

/// Microseconds in an hour.
pub const HOUR: u64 = 3_600_000_000;

/// Number of points by the start of their hour, in microseconds since the Unix epoch; hours without any are absent.
pub type ByHour = BTreeMap<u64, u64>;

/// The same for each measurement.
pub type ByMeasurement = BTreeMap<&'static str, ByHour>;

/// A server that takes records. Sending the same record again changes nothing there.
pub trait Sink: Send + Sync + 'static {
    /// Encoded records, ready to be sent more than once.
    type Body: Send + Sync;

    /// A body of the records at `places`, in that order: as many as fit in `limit` bytes before compression, and at
    /// least one. Takes processor time: not for an async thread.
    fn encode(
        &self,
        records: &Records,
        places: &[usize],
        form: Form,
        limit: usize,
    ) -> Encoded<Self::Body>;

    /// Which point each line is of the body that [`Sink::encode`] makes of all these records; those that cannot be read give none.
    /// Takes the same time: it is for answers that tell numbers of lines.
    fn lines(&self, records: &Records, places: &[usize], form: Form) -> Vec<BodyLine>;

    /// Sends `body` once and waits for the whole answer, at most `SHIPPER_REQUEST_TIMEOUT`.
    fn send(&self, body: &Self::Body) -> impl Future<Output = Sent> + Send;

    /// The credentials that the next try would use, when they can change while the service runs; `None` when they cannot.
    fn credentials(&self) -> Option<Credentials>;

    /// What is known of the server and how it is spoken to; `None` before the first try.
    fn spoken(&self) -> Option<SpokenTo>;

    /// How many requests at once suit the server.
    fn in_flight(&self) -> usize;

    /// How long the server keeps records; `None` when it keeps them for ever or does not tell.
    fn keeps(&self) -> impl Future<Output = Option<Duration>> + Send;

    /// Points of `measurements` of `host` with a time in `range` (microseconds since the Unix epoch, widened to whole hours).
    ///
    /// # Errors
    /// [`CountError`]; the credentials must allow reading.
    fn count_by_hour(
        &self,
        host: &str,
        measurements: &BTreeSet<&'static str>,
        range: Range<u64>,
    ) -> impl Future<Output = Result<ByMeasurement, CountError>> + Send;

    /// What has to be right for records to arrive at the server of `config`, looked at from outside the service.
    /// Takes the configuration, since it may be what keeps a sink from being made.
    fn check(config: &Config, waiting: Backlogged) -> impl Future<Output = Checked> + Send;
}

/// What is known of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpokenTo {
    /// Which of its APIs is used.
    pub api: &'static str,
    /// What it says that it is, if it was asked and tells.
    pub version: Option<String>,
}

/// How old what waits to be sent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backlogged {
    /// Age of the oldest pending record; 0 when nothing is pending.
    Oldest(Duration),
    /// There is nothing yet: what waits is in the sources.
    NothingReadYet,
}

/// What of a record is sent: its own point, and of those that follow from it all but some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    left_out: DerivedSet,
}

impl Form {
    /// All that is stored of it.
    pub const WHOLE: Self = Self::without(DerivedSet::NONE);
    /// Its own point alone.
    pub const BARE: Self = Self::without(DerivedSet::ALL);

    /// All but the points of these measurements.
    #[must_use]
    pub const fn without(left_out: DerivedSet) -> Self {
        Self { left_out }
    }

    /// The measurements whose points are not sent.
    #[must_use]
    pub const fn left_out(self) -> DerivedSet {
        self.left_out
    }
}

/// Which point a line of a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLine {
    /// The place of its record.
    pub place: usize,
    /// The measurement of a point that follows from the record; `None` for the record's own.
    pub derived: Option<&'static str>,
}

/// A body and what is in it.
#[derive(Debug)]
pub struct Encoded<Body> {
    /// What [`Sink::send`] takes.
    pub body: Body,
    pub lines: usize,
    /// Bytes in `body` before compression.
    pub bytes: usize,
    /// Bytes that sending it takes, without headers.
    pub sent_bytes: usize,
    /// How many of the places asked for were looked at.
    pub taken: usize,
    /// Those of them whose records cannot be read, and why.
    pub unreadable: Vec<(usize, String)>,
}

/// What came of sending a body once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// What to do about it.
    pub outcome: Outcome,
    /// Whether anybody answered, so that the time it took is a round trip.
    pub is_answered: bool,
}

/// Secret text as it was read just now, to be compared; also of a file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials(pub Option<Secret>);

/// What a check of a server came to.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// In the order in which they were looked at.
    pub findings: Vec<Finding>,
    /// How far the server's clock is from ours, if it tells; exact to the second.
    pub skew: Option<Duration>,
}

/// Why a server did not count, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CountError(pub String);
