//! Stand-ins for InfluxDB 2.x and 3.x that answer as real servers do, and refuse whatever those refuse.
//!
//! `docs/answers.md` has the answers; what differs between versions follows the version that a stand-in is given. Nothing fails on
//! demand here but what belongs to a server's own state (a full disk): for faults there is [`crate::endpoint`]. Lines are
//! read by the vendor's parser, questions by parsers of the few forms that a shipper needs; any other form is an error.

mod ask;
mod calendar;
mod influxql;
mod lexer;
mod stand;
mod tokens;
mod v2;
mod v3;
mod version;

pub use tokens::Rights;
pub use v2::{Bucket2, Strict2};
pub use v3::Strict3;

/// Nanoseconds since the Unix epoch as a date of RFC 3339.
pub(crate) fn shown_date(nanos: i64) -> String {
    format!("{}Z", calendar::shown(nanos))
}

/// Bytes of the longest text that a 3.x server takes.
pub(crate) fn longest_text_of_3x(version: &str) -> usize {
    v3::longest_text(version::Version::parse(version))
}

/// Nanoseconds of a second.
const SECOND: i64 = 1_000_000_000;

/// Nanoseconds of an hour.
const HOUR: i64 = 3600 * SECOND;
