//! The table: every value that the shipper tells about itself is declared once, as a field of a status struct in this
//! folder, together with all the names that it has elsewhere.
//!
//! To add a counter, add one field to a `counters!` block and count it where it happens:
//!
//! ```text
//! /// Messages cut at the limit.
//! truncated: u64 = Count { metric: "shipper_reader_truncated_total", point: "reader_truncated", row: (Warn, "truncated") },
//! ```
//!
//! The JSON of `spool stats --json`, the Prometheus text, the point `ollama_shipper` and its schema, the rows of
//! `spool stats` and the table of `docs/stats.md` follow from it; a test of this room says how to write that one anew.

use std::collections::BTreeMap;
use std::path::PathBuf;

use spool::Trouble;

use super::forward::{ForwardStatus, RoundTrips, ServerState};
use super::intake::{Gap, IntakeStatus, Understood};
use super::ollama::OllamaStatus;
use super::stats::{Ledger, Outage, Outages, ServiceStats, SpoolStats, Stats};
use crate::base::human::Tone;
use crate::record::schema::{self, FieldType, Measurement};

/// One value: what it is, and its names wherever it is told.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Path of its struct in the JSON of `spool stats --json`, with a dot behind each part; empty at the top.
    pub parent: &'static str,
    /// Its key there; empty for a value that is not in the JSON, since it follows from others.
    pub key: &'static str,
    /// What is measured.
    pub unit: Unit,
    /// What it means, in one sentence; also the help text of the metric.
    pub help: &'static str,
    /// More about it, for the document.
    pub more: &'static [&'static str],
    /// Name for Prometheus: a counter when it ends in `_total`, else a gauge. Times and durations are told in seconds.
    pub metric: Option<&'static str>,
    /// Field of `ollama_shipper`. One that ends in `_seconds` is in whole seconds, other times and durations are in
    /// microseconds.
    pub point: Option<&'static str>,
    /// Name in the terminal's table. A row that is not neutral is shown only when there is something to say.
    pub row: Option<(Tone, &'static str)>,
    /// The value at a moment; `None` when it is not known, does not apply, or is an object of other values.
    pub get: fn(&Stats) -> Option<StatValue<'_>>,
}

impl Row {
    /// What the fields that a row leaves out are.
    pub(super) const EMPTY: Self = Self {
        parent: "",
        key: "",
        unit: Unit::Object,
        help: "",
        more: &[],
        metric: None,
        point: None,
        row: None,
        get: |_| None,
    };

    pub(super) const fn metric(self, name: &'static str) -> Self {
        let metric = Some(name);
        Self { metric, ..self }
    }

    pub(super) const fn point(self, name: &'static str) -> Self {
        let point = Some(name);
        Self { point, ..self }
    }

    pub(super) const fn row(self, row: (Tone, &'static str)) -> Self {
        let row = Some(row);
        Self { row, ..self }
    }
}

/// What a value measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// How many.
    Count,
    /// A number that counts nothing.
    Number,
    /// Bytes.
    Bytes,
    /// Microseconds since the Unix epoch.
    Time,
    /// Microseconds.
    Duration,
    /// Whether something holds: 1 or 0 where only numbers can be told.
    Boolean,
    /// Words.
    Text,
    /// An object of other values.
    Object,
}

/// A value that is known.
#[derive(Clone, Copy, Debug)]
pub enum StatValue<'a> {
    /// Of a unit that is a number.
    Number(u64),
    /// Words.
    Text(&'a str),
    /// Numbers by kind; at least one.
    Kinds(&'a BTreeMap<String, u64>),
    /// How many durations there were, and their sum in microseconds.
    Summary {
        /// How many.
        count: u64,
        /// The sum.
        sum: u64,
    },
}

/// Declares a status struct and its rows of the table. `at` has the path of the struct from [`Stats`]; a row is
/// `key: type = Unit { metric, point, row }`, and the lines of its doc comment are `help` and `more`.
macro_rules! counters {
    (
        $(#[$attribute:meta])*
        pub struct $name:ident at ($($step:ident).*) {$(
            #[doc = $help:literal] $(#[doc = $more:literal])*
            $key:ident: $type:ty = $unit:ident $({ $($other:ident: $value:expr),* })?,
        )*}
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
        pub struct $name {
            $(#[doc = $help] $(#[doc = $more])* pub $key: $type,)*
        }

        const _: () = {
            use $crate::counters::stats::Stats;
            use $crate::counters::table::{StatsPart, Read, Row, Unit};

            impl $name {
                const PATH: &str = concat!($(stringify!($step), ".",)*);

                /// Its rows of the table.
                pub const ROWS: &[Row] = &[$(Row {
                    parent: Self::PATH,
                    key: stringify!($key),
                    unit: Unit::$unit,
                    help: $help.trim_ascii(),
                    more: &[$($more.trim_ascii()),*],
                    get: |stats| Self::find(stats)?.$key.read(),
                    ..Row::EMPTY
                }$($(.$other($value))*)?,)*];

                fn find(stats: &Stats) -> Option<&Self> {
                    let found = stats;
                    $(let found = found.$step.part()?;)*
                    Some(found)
                }
            }

            impl StatsPart for $name {
                type Whole = Self;

                fn part(&self) -> Option<&Self> {
                    Some(self)
                }
            }

            impl Read for $name {}
        };
    };
}
pub(super) use counters;

/// A struct of the table, which may be absent.
pub(super) trait StatsPart {
    /// The struct.
    type Whole;

    /// It, if it is there.
    fn part(&self) -> Option<&Self::Whole>;
}

impl<T> StatsPart for Option<T> {
    type Whole = T;

    fn part(&self) -> Option<&T> {
        self.as_ref()
    }
}

/// The type of a field of the table.
pub(super) trait Read {
    /// Its value, if it can be told outside the JSON.
    fn read(&self) -> Option<StatValue<'_>> {
        None
    }
}

impl Read for PathBuf {}
impl Read for Trouble {}

impl Read for u32 {
    fn read(&self) -> Option<StatValue<'_>> {
        Some(StatValue::Number(u64::from(*self)))
    }
}

impl Read for u64 {
    fn read(&self) -> Option<StatValue<'_>> {
        Some(StatValue::Number(*self))
    }
}

impl Read for bool {
    fn read(&self) -> Option<StatValue<'_>> {
        Some(StatValue::Number(u64::from(*self)))
    }
}

impl Read for String {
    fn read(&self) -> Option<StatValue<'_>> {
        Some(StatValue::Text(self))
    }
}

impl Read for ServerState {
    fn read(&self) -> Option<StatValue<'_>> {
        Some(StatValue::Text(self.name()))
    }
}

impl Read for BTreeMap<String, u64> {
    fn read(&self) -> Option<StatValue<'_>> {
        (!self.is_empty()).then_some(StatValue::Kinds(self))
    }
}

impl<T: Read> Read for Option<T> {
    fn read(&self) -> Option<StatValue<'_>> {
        self.as_ref()?.read()
    }
}

/// Values that follow from others and are not in the JSON.
const DERIVED: &[Row] = &[
    Row {
        unit: Unit::Boolean,
        help: "0 while InfluxDB takes nothing.",
        metric: Some("shipper_influxdb_up"),
        get: |stats| {
            let server = stats.service.as_ref()?.forwarder.server;
            let is_down = matches!(server, ServerState::Down | ServerState::OnHold);
            Some(StatValue::Number(u64::from(!is_down)))
        },
        ..Row::EMPTY
    },
    Row {
        unit: Unit::Count,
        help: "Entries in quarantine that somebody should look at.",
        more: &["All but those beyond retention: what an alert is to be made of."],
        metric: Some("shipper_entries_refused"),
        get: |stats| Some(StatValue::Number(stats.spool.ledger.refused())),
        ..Row::EMPTY
    },
    Row {
        unit: Unit::Duration,
        help: "Duration of answered requests.",
        more: &["A summary without quantiles."],
        metric: Some("shipper_request_duration_seconds"),
        get: |stats| {
            let trips = stats.service.as_ref()?.forwarder.round_trips;
            Some(StatValue::Summary {
                count: trips.count,
                sum: trips.total,
            })
        },
        ..Row::EMPTY
    },
    Row {
        unit: Unit::Duration,
        help: "Time since the stages were started.",
        point: Some("uptime_seconds"),
        get: |stats| age(stats, stats.service.as_ref()?.started_at),
        ..Row::EMPTY
    },
    Row {
        unit: Unit::Duration,
        help: "How long InfluxDB has taken nothing.",
        point: Some("outage_seconds"),
        get: |stats| age(stats, stats.service.as_ref()?.forwarder.outage_since?),
        ..Row::EMPTY
    },
];

fn age(stats: &Stats, time: u64) -> Option<StatValue<'_>> {
    Some(StatValue::Number(stats.at.saturating_sub(time)))
}

/// All rows, struct by struct.
const TABLE: &[&[Row]] = &[
    Stats::ROWS,
    SpoolStats::ROWS,
    Ledger::ROWS,
    ServiceStats::ROWS,
    IntakeStatus::ROWS,
    Understood::ROWS,
    Gap::ROWS,
    OllamaStatus::ROWS,
    ForwardStatus::ROWS,
    RoundTrips::ROWS,
    Outages::ROWS,
    Outage::ROWS,
    DERIVED,
];

/// All rows of the table.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    TABLE.iter().copied().flatten()
}

/// One point a minute: the shipper on itself.
pub const SHIPPER: Measurement = Measurement {
    name: schema::SHIPPER,
    tags: &[schema::VERSION],
    fields: &FIELDS,
};

/// Its fields in the order of the table.
const FIELDS: [(&str, FieldType); fields::<0>().0] = fields().1;

/// Counts the rows that are in the point, and gives the first `N` of them.
const fn fields<const N: usize>() -> (usize, [(&'static str, FieldType); N]) {
    let mut fields = [("", FieldType::Integer); N];
    let mut found = 0;
    let mut part = 0;
    while part < TABLE.len() {
        let mut row = 0;
        while row < TABLE[part].len() {
            let Row { point, unit, .. } = TABLE[part][row];
            if let Some(name) = point {
                if found < N {
                    let of = if matches!(unit, Unit::Text) {
                        FieldType::Text
                    } else {
                        FieldType::Integer
                    };
                    fields[found] = (name, of);
                }
                found += 1;
            }
            row += 1;
        }
        part += 1;
    }
    (found, fields)
}
