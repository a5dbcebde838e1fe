//! The keys of a generation's one tree; numbers big-endian. No value is above 6 KiB.
//!
//! ```text
//! c │ seq of first record              → chunk
//! f │ seq of record │ index u32        → fragment of a record too large for a chunk
//! k │ earliest time │ seq of first     → latest time: where a time is looked up
//! l │ number u16                       → layout
//! h                                    → head: what the generation holds, in numbers; in every commit
//! b                                    → birth: which generation this is; written once
//! b │ source                           → where the source stood when the generation was begun
//! p │ source                           → where it stands now
//! s │ page u32                         → states of 2,048 records; one that is missing holds untried pending ones
//! r │ seq of first record │ part u8    → why some of 64 records were refused ([`super::refusals`]); counts for those that are in quarantine
//! ```
//!
//! A generation that came from format 1 also has its `m…` and `q…` keys, which nothing reads any more ([`super::first`]).

use crate::model::key::Seq;

pub(crate) const HEAD: &[u8] = b"h";
pub(crate) const BIRTH: &[u8] = b"b";

/// A source when the generation was begun, and now.
pub(crate) const BEGAN_AT: u8 = b'b';
pub(crate) const STANDS_AT: u8 = b'p';

pub(crate) fn chunk(first: Seq) -> [u8; 9] {
    with_seq(b'c', first)
}

pub(crate) fn refusals(first: Seq, part: u8) -> [u8; 10] {
    let mut key = [part; 10];
    key[..9].copy_from_slice(&with_seq(b'r', first));
    key
}

/// The number in the key of a chunk.
pub(crate) fn seq(key: &[u8]) -> Option<Seq> {
    let seq = key.strip_prefix(b"c")?;
    Some(Seq(u64::from_be_bytes(seq.try_into().ok()?)))
}

pub(crate) fn fragment(seq: Seq, index: usize) -> [u8; 13] {
    let mut key = [b'f'; 13];
    key[1..9].copy_from_slice(&seq.0.to_be_bytes());
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    key[9..].copy_from_slice(&index.to_be_bytes());
    key
}

pub(crate) fn index(min: u64, first: Seq) -> [u8; 17] {
    let mut key = [b'k'; 17];
    key[1..9].copy_from_slice(&min.to_be_bytes());
    key[9..].copy_from_slice(&first.0.to_be_bytes());
    key
}

/// Earliest time and first number in the key of an index entry.
pub(crate) fn index_parts(key: &[u8]) -> Option<(u64, Seq)> {
    let (min, first) = key.strip_prefix(b"k")?.split_first_chunk()?;
    let first = u64::from_be_bytes(first.try_into().ok()?);
    Some((u64::from_be_bytes(*min), Seq(first)))
}

pub(crate) fn layout(number: u16) -> [u8; 3] {
    let [high, low] = number.to_be_bytes();
    [b'l', high, low]
}

pub(crate) fn states(page: usize) -> [u8; 5] {
    let page = u32::try_from(page).unwrap_or(u32::MAX).to_be_bytes();
    [b's', page[0], page[1], page[2], page[3]]
}

/// The page in the key of states.
pub(crate) fn states_page(key: &[u8]) -> Option<usize> {
    let page = key.strip_prefix(b"s")?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(page)).ok()
}

/// A source, under [`BEGAN_AT`] or [`STANDS_AT`].
pub(crate) fn source(prefix: u8, name: &str) -> Vec<u8> {
    [&[prefix], name.as_bytes()].concat()
}

/// The name in the key of a source; `None` for another key.
pub(crate) fn source_name(prefix: u8, key: &[u8]) -> Option<&str> {
    let name = key.strip_prefix(&[prefix])?;
    std::str::from_utf8(name)
        .ok()
        .filter(|name| !name.is_empty())
}

fn with_seq(prefix: u8, seq: Seq) -> [u8; 9] {
    let mut key = [prefix; 9];
    key[1..].copy_from_slice(&seq.0.to_be_bytes());
    key
}
