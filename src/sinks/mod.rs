//! Where records go.

pub mod influxdb;
