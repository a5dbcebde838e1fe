//! The forwarder stage.
mod ceiling;
mod sift;
mod status;
pub use status::*;
