//! The loops between sources, spool and sinks.

pub mod forward;
pub mod intake;
pub(crate) mod telemetry;
