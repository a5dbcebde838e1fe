//! What Ollama itself answers, from a stand-in for it through the spool to what InfluxDB gets.
#![cfg(test)]

#[path = "../common/mod.rs"]
mod common;

mod faults;
mod inventory;
mod memory;
mod own_lines;
mod rig;
mod settings;
