//! The forwarder stage against servers that are real, ill, or both.

#![cfg(test)]

#[path = "../common/mod.rs"]
mod common;

mod commands;
mod double;
mod faults;
mod fleet;
mod model;
mod pace;
mod real;
mod rig;
mod simulator;
mod storm;
mod tls;
