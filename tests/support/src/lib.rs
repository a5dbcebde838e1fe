//! Real parts for shipper's tests.
pub mod journal;
