//! The forwarder stage against servers that are real, ill, or both.

#![cfg(test)]

#[path = "../common/mod.rs"]
mod common;

mod commands;
mod double;
mod faults;
mod fleet;
mod pace;
mod real;
mod rig;
mod storm;
mod tls;
