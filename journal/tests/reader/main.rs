//! What a reader of all files of a journal promises, each guarantee with its test.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a helper of a test fails by panicking, like the test"
)]

mod common;
mod copies;
mod damage;
mod gaps;
mod live;
mod many;
mod random;
mod resuming;
mod sequences;
mod waiting;
mod whole;
