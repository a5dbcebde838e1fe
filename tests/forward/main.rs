//! The forwarder stage against servers that are real, ill, or both.

#![cfg(test)]

#[path = "../common/mod.rs"]
mod common;

mod bodies;
mod commands;
mod derived;
mod detection;
mod double;
mod faults;
mod fleet;
mod gaps;
mod innocent;
mod lives;
mod model;
mod own_path;
mod pace;
mod poison;
mod proof;
mod real;
mod retention;
mod rig;
mod simulator;
mod storm;
mod tls;
mod troubled;
mod waits;
