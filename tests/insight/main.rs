//! What each line that Ollama 0.1.28 to 0.33 prints gives, that no other text gives anything wrong, and that it arrives.
#![cfg(test)]

#[path = "../common/mod.rs"]
mod common;

mod captures;
mod dashboards;
mod every_row;
mod generator;
mod life;
mod lines;
mod lives;
mod loads;
mod migrating;
mod properties;
mod stored;
mod support;
mod tables;
mod tasks;
mod translation;
mod troubles;
mod two_lines;
mod whole_way;
