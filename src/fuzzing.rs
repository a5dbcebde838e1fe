//! Doors for the fuzz targets, to what nobody else outside may see; built only under `cfg(fuzzing)`.

pub use crate::service::control::fuzzing::{answer, question};
pub use crate::sources::journal::readers::fuzzing::{messages, request};
