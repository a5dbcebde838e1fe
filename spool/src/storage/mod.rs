//! All that touches the disk: directories, the lock, sled, generations.
//!
//! Everything is opened relative to a directory that is held open, and never through a link: whoever may write into the
//! spool's directory cannot make this process read or write anywhere else. sled is behind [`database`] alone.

pub(crate) mod change;
pub(crate) mod clock;
pub(crate) mod contents;
pub(crate) mod database;
pub(crate) mod dir;
pub(crate) mod generation;
pub(crate) mod lock;
mod nudge;
mod refusals;
