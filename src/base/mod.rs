//! What every other room may use, and what knows none of them: time, waiting, the end of work, text for people.

pub mod columns;
pub mod finding;
pub mod human;
pub mod logging;
pub mod retry;
pub mod stop;
pub mod when;
