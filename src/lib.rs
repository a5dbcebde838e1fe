//! Durable store-and-forward shipper for Ollama's journal and models: see ARCHITECTURE.md for the reading order.

pub mod cli;
pub mod config;
pub mod entry;
pub mod insight;
pub mod journal;
pub mod stop;
pub mod store;
pub mod when;
