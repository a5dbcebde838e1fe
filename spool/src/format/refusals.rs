//! Why records were refused, packed: reasons of neighbours mostly say the same of different records, so each is stored as what differs
//! from the one before it.
//!
//! The refusals of [`SPAN`] records make a page, which is one value, or several when the reasons are long. A page is written as a whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::chunk::MAX_VALUE_BYTES;
use super::codec;
use super::head::Refusal;
use crate::model::error::Fault;
use crate::model::key::Seq;

/// Records whose refusals are in one page.
pub(crate) const SPAN: u64 = 64;

/// What a refusal takes beside the part of its reason that is its own, and a value beside its refusals.
const OVERHEAD_BYTES: usize = 16;

/// Refusals of a page, by record.
pub(crate) type Page = BTreeMap<Seq, Refusal>;

#[derive(Serialize, Deserialize)]
struct Packed {
    /// Number of the record, less the first one of its page.
    place: u8,
    attempts: u32,
    /// Bytes of the reason that are those of the reason before it in the value, at the beginning and at the end.
    head: u16,
    tail: u16,
    own: Vec<u8>,
}

/// The first record of the page that `seq` belongs to.
pub(crate) fn page_of(seq: Seq) -> Seq {
    Seq(seq.0 - seq.0 % SPAN)
}

/// The values of a page.
pub(crate) fn encode(page: &Page) -> Result<Vec<Vec<u8>>, Fault> {
    let mut values = Vec::new();
    let mut value: Vec<Packed> = Vec::new();
    let (mut bytes, mut before) = (OVERHEAD_BYTES, "");
    for (seq, refusal) in page {
        let mut packed = pack(*seq, refusal, before);
        if bytes + packed.own.len() + OVERHEAD_BYTES > MAX_VALUE_BYTES {
            values.push(codec::stored(&std::mem::take(&mut value))?);
            bytes = OVERHEAD_BYTES;
            packed = pack(*seq, refusal, "");
        }
        bytes += packed.own.len() + OVERHEAD_BYTES;
        value.push(packed);
        before = &refusal.reason;
    }
    if !value.is_empty() {
        values.push(codec::stored(&value)?);
    }
    Ok(values)
}

/// Adds the refusals of one value of the page that begins at `first`.
pub(crate) fn decode(first: Seq, value: &[u8], page: &mut Page) -> Result<(), Fault> {
    let packed: Vec<Packed> = codec::load(value, "refusals")?;
    let mut before = String::new();
    for packed in packed {
        let reason = unpack(&packed, &before).ok_or_else(|| Fault::damage("malformed refusal"))?;
        before.clone_from(&reason);
        let seq = Seq(first.0 + u64::from(packed.place));
        let attempts = packed.attempts;
        page.insert(seq, Refusal { reason, attempts });
    }
    Ok(())
}

fn pack(seq: Seq, refusal: &Refusal, before: &str) -> Packed {
    let (own, before) = (refusal.reason.as_bytes(), before.as_bytes());
    let same = |(one, two): &(&u8, &u8)| one == two;
    let head = own.iter().zip(before).take_while(same).count();
    let (rest, rest_before) = (&own[head..], &before[head..]);
    let backwards = rest.iter().rev().zip(rest_before.iter().rev());
    let tail = backwards.take_while(same).count();
    Packed {
        // A page has fewer records than a byte has values, and a reason has 1024 bytes.
        place: u8::try_from(seq.0 % SPAN).unwrap_or(u8::MAX),
        attempts: refusal.attempts,
        head: u16::try_from(head).unwrap_or(0),
        tail: u16::try_from(tail).unwrap_or(0),
        own: rest[..rest.len() - tail].to_vec(),
    }
}

fn unpack(packed: &Packed, before: &str) -> Option<String> {
    let before = before.as_bytes();
    let head = before.get(..usize::from(packed.head))?;
    let tail = before.get(before.len().checked_sub(usize::from(packed.tail))?..)?;
    String::from_utf8([head, &packed.own, tail].concat()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packed(page: &Page) -> Vec<Vec<u8>> {
        let values = encode(page).unwrap();
        let mut again = Page::new();
        for value in &values {
            assert!(value.len() <= MAX_VALUE_BYTES, "{}", value.len());
            decode(Seq(640), value, &mut again).unwrap();
        }
        assert_eq!(&again, page);
        values
    }

    fn page(reason: impl Fn(u64) -> String) -> Page {
        let seqs = 640..640 + SPAN;
        seqs.map(|seq| (Seq(seq), Refusal::new(&reason(seq), 3)))
            .collect()
    }

    #[test]
    fn reasons_that_differ_in_a_number_take_a_few_bytes_each() {
        let long = "field type conflict on measurement ollama_logs, ".repeat(3);
        let values = packed(&page(|seq| format!("{long}record {seq} of the batch")));
        assert_eq!(values.len(), 1);
        assert!(values[0].len() < 1000, "{}", values[0].len());
    }

    #[test]
    fn no_value_is_too_large_when_reasons_have_nothing_in_common() {
        let values = packed(&page(|seq| {
            char::from(b'0' + u8::try_from(seq % 64).unwrap())
                .to_string()
                .repeat(1024)
        }));
        assert!((11..=16).contains(&values.len()));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_page_comes_back_as_it_was(reasons in prop::collection::btree_map(640u64..704, ("[aä]{0,6}x*[bö]{0,600}", 0u32..99), 0..64)) {
            packed(&reasons.into_iter().map(|(seq, (reason, attempts))| (Seq(seq), Refusal { reason, attempts })).collect());
        }

        #[test]
        fn no_value_can_do_harm(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut value = [&[codec::VERSION], &body[..]].concat();
            value.extend_from_slice(&crc32fast::hash(&value).to_le_bytes());
            let _ = decode(Seq(64), &value, &mut Page::new());
        }
    }
}
