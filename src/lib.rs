//! Durable store-and-forward shipper for Ollama's journal and models: see ARCHITECTURE.md for the reading order.

pub mod base;
pub mod cli;
pub mod config;
pub mod counters;
pub mod insight;
pub mod operate;
pub mod record;
pub mod service;
pub mod sinks;
pub mod sources;
pub mod stages;
pub mod store;
