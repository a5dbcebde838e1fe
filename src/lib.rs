//! Durable store-and-forward shipper for Ollama's journal and models: see ARCHITECTURE.md for the reading order.
//!
//! What is public here is what the binary, the tests, the benchmarks and the fuzz targets of this project use. It is no promise to
//! anybody else.

#![warn(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods)]
#![expect(
    missing_docs,
    reason = "no promise to anybody: where a name says it all, a doc comment says nothing"
)]

pub mod base;
pub mod cli;
pub mod config;
pub mod counters;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod insight;
pub mod operate;
pub mod record;
pub(crate) mod service;
pub mod sinks;
pub mod sources;
pub mod stages;
pub mod store;
