//! What every other room may use, and what knows none of them: time, waiting, the end of work, text for people and its
//! way out.

pub(crate) mod answer;
pub(crate) mod columns;
pub(crate) mod finding;
pub(crate) mod human;
pub(crate) mod logging;
pub mod owner;
pub mod refusal;
pub mod retry;
pub(crate) mod small_file;
pub mod stop;
pub mod stored;
pub(crate) mod terminal;
pub mod when;
