//! The intake on real journal files, behind a real journald, and beside children that fail.
#![cfg(test)]

#[path = "../common/mod.rs"]
mod common;

mod absence;
mod agreement;
mod child;
mod damage;
mod inventory;
mod inventory_bounds;
mod inventory_hang;
mod live;
mod models_dir;
mod properties;
mod rig;
mod selection;
mod stage;
