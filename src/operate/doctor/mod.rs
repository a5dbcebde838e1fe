//! What has to be right for entries to arrive, checked one by one, each with what fixes it.
//!
//! Read [`Finding`], then [`judge`] (pure: from what was found to a verdict), [`host`], [`limit`] and [`server`], which look. What has to
//! be right at the server is its sink's to say.

pub(crate) mod exposure;
pub(crate) mod host;
pub(crate) mod judge;
pub(crate) mod limit;
pub(crate) mod ollama;
pub(crate) mod server;

pub(crate) use crate::base::finding::{Finding, Grade};
