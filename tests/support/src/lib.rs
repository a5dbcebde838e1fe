//! Real parts for shipper's tests.

pub mod endpoint;
pub mod influxd;
