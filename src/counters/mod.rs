//! How things stand: what each stage counts, and all of it together as programs and people read it.

pub mod forward;
pub mod intake;
pub mod stats;
