//! What journals do to those who read them: each entry arrives exactly once, also after a restart in the middle, and a backfill afterwards
//! adds nothing.
#![cfg(test)]

#[path = "../common/mod.rs"]
mod common;
#[expect(dead_code, reason = "the other test binary uses all of it")]
#[path = "../reader/rig.rs"]
mod rig;

mod clocks;
mod copies;
mod doubled;
mod equal;
mod files;
mod numbers;
mod old;
mod order;
mod pieces;
mod rotation;
mod units;
