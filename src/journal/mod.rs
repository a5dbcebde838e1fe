//! Where log entries come from.
