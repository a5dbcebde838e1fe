//! Durable store-and-forward shipper for Ollama's journal and models: see ARCHITECTURE.md for the reading order.

pub mod cli;
pub mod commands;
pub mod config;
pub mod control;
pub mod entry;
pub mod forward;
pub mod gaps;
pub mod influx;
pub mod insight;
pub mod intake;
pub mod inventory;
pub mod journal;
pub mod logging;
pub mod operate;
pub mod report;
pub mod retry;
pub mod service;
pub mod stop;
pub mod store;
pub mod when;
