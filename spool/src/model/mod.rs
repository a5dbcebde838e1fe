//! What a spool is about, without a disk: keys, numbers, states, sources, ages, and the figures made of them. Pure.

pub(crate) mod age;
pub(crate) mod error;
pub(crate) mod key;
pub(crate) mod options;
pub(crate) mod records;
pub(crate) mod recovery;
pub(crate) mod selection;
pub(crate) mod seq_set;
pub(crate) mod source;
pub(crate) mod states;
pub(crate) mod summary;
