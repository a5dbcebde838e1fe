//! Stored forms and their versions. Everything that is read passes a checksum and a version before it is believed.
//!
//! | form | module | version |
//! |---|---|---|
//! | what a program reads before anything else | [`header`] | its own, fixed for ever |
//! | MANIFEST | [`manifest`] | 2 |
//! | the one tree of a generation | [`keys`], [`head`], [`refusals`] | 2 |
//! | chunk of records | [`chunk`] | 2, and 1 is read |
//! | all of format 1 | [`first`] | 1 |
//!
//! bincode is behind [`codec`] alone.

pub(crate) mod chunk;
pub(crate) mod codec;
pub(crate) mod first;
pub(crate) mod head;
pub(crate) mod header;
pub(crate) mod keys;
pub(crate) mod manifest;
pub(crate) mod refusals;
