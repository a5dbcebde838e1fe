//! Real parts for shipper's tests.
