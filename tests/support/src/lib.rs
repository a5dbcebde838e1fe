//! Real parts for shipper's tests.
pub mod journal;

pub mod endpoint;
pub mod influxd;
