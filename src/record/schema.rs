//! Every measurement, tag and field that reaches InfluxDB: encoders, queries, dashboards and their tests take the names from here.

use serde::{Deserialize, Serialize};

use super::event::Event;
pub use super::measurement::{FieldType, Measurement, Value, Visitor};
use super::memory::Memory;
use super::model::Model;
use super::poll::{Loaded, Poll};
use super::request::Request;
use super::tokens::Tokens;
use FieldType::{Decimal, Integer, Text};

/// Declares what can follow from a record: one line a measurement, named for the type that holds a point of it.
macro_rules! derived {
    ($($(#[$attribute:meta])* $point:ident $(<$lifetime:lifetime>)?,)+) => {
        /// One point that follows from a log line, from an inventory snapshot or from what Ollama answered. Its time and host are those of its record.
        /// Stored by variant number: new ones go last.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Derived<'a> {
            $($(#[$attribute])* $point($point $(<$lifetime>)?),)+
        }

        impl Derived<'_> {
            /// Where the point belongs.
            #[must_use]
            pub fn measurement(&self) -> &'static Measurement {
                match self {
                    $(Self::$point(_) => const { &$point::MEASUREMENT },)+
                }
            }

            /// Hands every tag and field to `visitor`.
            pub fn visit(&self, visitor: &mut impl Visitor) {
                match self {
                    $(Self::$point(point) => point.visit(visitor),)+
                }
            }
        }

        /// The measurements of [`Derived`] points.
        pub const DERIVED: &[Measurement] = &[$($point::MEASUREMENT,)+];

        /// All measurements of what is read.
        pub const ALL: &[Measurement] = &[$($point::MEASUREMENT,)+ LOGS, SNAPSHOTS, Poll::MEASUREMENT];
    };
}

derived! {
    /// A request that was answered.
    #[serde(borrow)]
    Request<'a>,
    /// A thing that happened.
    #[serde(borrow)]
    Event<'a>,
    /// A quantity of memory.
    #[serde(borrow)]
    Memory<'a>,
    /// One phase of generating an answer.
    Tokens,
    /// A model of the inventory.
    #[serde(borrow)]
    Model<'a>,
    /// A model that is in memory, or was.
    #[serde(borrow)]
    Loaded<'a>,
}

/// Tag of every point: the host that its record was read under.
pub const HOST: &str = "host";

/// Tag, or field, of a log line: what identifies its entry.
pub const MSG_HASH: &str = "msg_hash";
/// Tag of a log line: where it was logged.
pub const SOURCE: &str = "source";
/// Field of a log line: its text.
pub const MESSAGE: &str = "message";
/// Field of a log line: the process that logged it.
pub const PID: &str = "pid";
/// Field of a log line: how urgent it is, 0 to 7.
pub const PRIORITY: &str = "priority";
/// Field of a log line: the unit that it is of. Tag of all points of a unit other than `ollama.service`.
pub const UNIT: &str = "unit";

/// Tag of an entry's points, where more than a thousand entries of a unit share a microsecond: which thousand, from 1.
pub const NUMBER: &str = "n";

/// Field of an inventory snapshot: the models.
pub const MODELS_JSON: &str = "models_json";
/// Field of an inventory snapshot too large for one point: which part of it this is.
pub const PART: &str = "part";

/// Tag of a report: the shipper's version.
pub const VERSION: &str = "version";

/// One point a log line.
pub const LOGS: Measurement = Measurement {
    name: "ollama_logs",
    tags: &[MSG_HASH, SOURCE],
    fields: &[
        (MESSAGE, Text),
        (PID, Text),
        (PRIORITY, Integer),
        (UNIT, Text),
    ],
};

/// One point an inventory snapshot, or part of a large one.
pub const SNAPSHOTS: Measurement = Measurement {
    name: "ollama_models_inventory",
    tags: &[],
    fields: &[(MODELS_JSON, Text), (PART, Integer)],
};

/// Measurement of the shipper's reports on itself; the counters say which fields it has.
pub const SHIPPER: &str = "ollama_shipper";
/// Field of every report: entries made durable.
pub const READ: &str = "read";

/// What each point of a measurement has exactly once, so that counting it counts points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    pub measurement: &'static str,
    /// Every point of the measurement has it.
    pub field: &'static str,
    pub field_type: FieldType,
}

/// The measurements of records themselves, one point a record.
pub const OF_RECORDS: [Counted; 4] = [
    Counted {
        measurement: LOGS.name,
        field: MESSAGE,
        field_type: Text,
    },
    Counted {
        measurement: SNAPSHOTS.name,
        field: MODELS_JSON,
        field_type: Text,
    },
    Counted {
        measurement: SHIPPER,
        field: READ,
        field_type: Integer,
    },
    Counted {
        measurement: Poll::MEASUREMENT.name,
        field: "up",
        field_type: Integer,
    },
];

/// The measurements of derived points.
pub const OF_DERIVED: [Counted; DERIVED.len()] = [
    Counted {
        measurement: Request::MEASUREMENT.name,
        field: "latency_ms",
        field_type: Decimal,
    },
    Counted {
        measurement: Event::MEASUREMENT.name,
        field: "occurred",
        field_type: Integer,
    },
    Counted {
        measurement: Memory::MEASUREMENT.name,
        field: "bytes",
        field_type: Integer,
    },
    Counted {
        measurement: Tokens::MEASUREMENT.name,
        field: "tokens",
        field_type: Integer,
    },
    Counted {
        measurement: Model::MEASUREMENT.name,
        field: "size",
        field_type: Integer,
    },
    Counted {
        measurement: Loaded::MEASUREMENT.name,
        field: "loaded",
        field_type: Integer,
    },
];

/// All measurements of what is read and of reports.
pub fn counted() -> impl Iterator<Item = Counted> {
    OF_RECORDS.into_iter().chain(OF_DERIVED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_of_every_measurement_can_be_counted_by_a_field_of_it() {
        for measurement in ALL {
            let counted = counted().find(|counted| counted.measurement == measurement.name);
            let counted = counted.unwrap();
            let field = (counted.field, counted.field_type);
            assert!(measurement.fields.contains(&field), "{field:?}");
        }
        assert_eq!(counted().count(), ALL.len() + 1);
    }
}
