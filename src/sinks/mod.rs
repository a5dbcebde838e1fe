//! Where records go: what a server has to do for the forwarder, the doctor and `replay --gaps`, whatever it speaks.
//!
//! Read [`Sink`], then [`Outcome`], which is all that anybody else learns of an answer.

mod outcome;
mod sink;

pub mod influxdb;

/// The sink that configurations ask for, and why it cannot be had: the one place that chooses.
pub use influxdb::{InfluxDb as Configured, OpenError};
pub use outcome::{Cause, NumberedLine, Outcome, Refusal, Trouble};
pub use sink::{
    Backlogged, BodyLine, ByHour, ByMeasurement, Checked, CountError, Credentials, Encoded, Form,
    HOUR, Sent, Sink, SpokenTo,
};
