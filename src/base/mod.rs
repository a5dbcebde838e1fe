//! What every other room may use, and what knows none of them: time, waiting, the end of work, text for people.

pub(crate) mod answer;
pub(crate) mod columns;
pub(crate) mod finding;
pub(crate) mod human;
pub(crate) mod logging;
pub mod owner;
pub mod refusal;
pub mod retry;
pub mod stop;
pub mod stored;
pub mod when;
