//! Durable store-and-forward shipper for Ollama's journal and models: see ARCHITECTURE.md for the reading order.

pub mod cli;
pub mod config;
pub mod entry;
pub mod forward;
pub mod gaps;
pub mod influx;
pub mod journal;
pub mod retry;
pub mod stop;
pub mod store;
pub mod when;
