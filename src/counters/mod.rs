//! How things stand: what each stage counts, and all of it together as programs and people read it. Everything that is
//! told is in the [`table`] once.

#[cfg(test)]
mod document;
pub mod forward;
pub mod intake;
pub mod ollama;
pub(crate) mod stats;
pub mod table;
pub(crate) mod words;
