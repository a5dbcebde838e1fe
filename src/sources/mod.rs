//! Where records come from.

pub mod inventory;
pub mod journal;
pub mod recall;
