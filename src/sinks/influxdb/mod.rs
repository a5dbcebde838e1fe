//! InfluxDB as the forwarder stage sees it: lines out, one named [`Outcome`] back.
//!
//! Read [`line_protocol`] (what a record looks like there), [`outcome`] (what an answer means), then [`client`]
//! (the only place that does I/O for writing) and [`query`] (asking back what the server holds).

pub mod client;
mod deletes;
mod encoders;
pub mod line_protocol;
pub mod outcome;
mod points;
pub mod probe;
pub mod query;
mod reason;

pub use client::Client;
pub use deletes::deletes;
pub use encoders::{Encoders, Unreadable};
pub use line_protocol::{Encoder, Points};
pub use outcome::{Answer, Outcome, decide};
pub(crate) use reason::kind_of;
