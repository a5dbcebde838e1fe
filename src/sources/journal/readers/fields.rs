//! From a journal entry's fields to a [`ReadEntry`]: the one place that all readers share, so that they agree.

use std::collections::BTreeMap;

use journal::{Fields, Found, Wanted};
use serde_json::Value;

use super::{Piece, ReadEntry};
use crate::record::{Numbering, SeqnumId};

/// `MESSAGE_ID` of journald's word that it dropped lines of a unit (systemd's `sd-messages.h`, `SD_MESSAGE_JOURNAL_DROPPED`).
const DROPPED: &[u8] = b"a596d6fe7bfa4994828e72309e95d61e";

/// Places of the fields in [`wanted`].
mod place {
    pub(super) const MESSAGE: usize = 0;
    pub(super) const PID: usize = 1;
    pub(super) const PRIORITY: usize = 2;
    pub(super) const HOSTNAME: usize = 3;
    pub(super) const LINE_BREAK: usize = 4;
    pub(super) const STREAM_ID: usize = 5;
    pub(super) const CONTAINER_ID: usize = 6;
    pub(super) const PARTIAL: usize = 7;
    pub(super) const PARTIAL_LAST: usize = 8;
    pub(super) const MESSAGE_ID: usize = 9;
    pub(super) const N_DROPPED: usize = 10;
}

/// The fields that a [`ReadEntry`] is made of; the first is the text that identifies an entry.
#[must_use]
pub(super) fn wanted() -> Wanted {
    Wanted::new(&[
        "MESSAGE",
        "_PID",
        "PRIORITY",
        "_HOSTNAME",
        "_LINE_BREAK",
        "_STREAM_ID",
        "CONTAINER_ID_FULL",
        "CONTAINER_PARTIAL_MESSAGE",
        "CONTAINER_PARTIAL_LAST",
        "MESSAGE_ID",
        "N_DROPPED",
    ])
}

/// Fills `into` with an entry that was found for the unit with this label; `false` when it has no message, which is then to be made
/// of the whole entry.
pub(super) fn fill(found: &Found, fields: &Fields, label: &str, into: &mut ReadEntry) -> bool {
    let address = &found.entry;
    let entry = &mut into.entry;
    entry.realtime = address.realtime;
    entry.monotonic = address.monotonic;
    entry.boot = address.boot_id;
    entry.number = Numbering::Ordinal {
        of_moment: found.ordinals.of_moment,
        of_alike: found.ordinals.of_alike,
    };
    into.seqnum = SeqnumId {
        id: found.seqnum_id,
        seqnum: address.seqnum,
    };
    set_text(&mut entry.unit, Some(label.as_bytes()));
    set_text(&mut entry.pid, fields.get(place::PID));
    set_text(&mut entry.host, fields.get(place::HOSTNAME));
    entry.priority = match fields.get(place::PRIORITY) {
        Some([digit @ b'0'..=b'7']) => Some(digit - b'0'),
        _ => None,
    };
    into.piece = piece(fields);
    let stream = fields.get(place::STREAM_ID);
    set_bytes(&mut into.stream, stream.or(fields.get(place::CONTAINER_ID)));
    into.dropped = dropped(fields);
    fill_message(fields, into)
}

/// Several messages are sorted: their order in an entry depends on the file. The smallest identifies it.
fn fill_message(fields: &Fields, into: &mut ReadEntry) -> bool {
    let entry = &mut into.entry;
    entry.message.clear();
    entry.identified_by = usize::MAX;
    let mut messages = fields.all(place::MESSAGE);
    let Some(first) = messages.next() else {
        entry.identified_by = 0;
        return false;
    };
    let Some(second) = messages.next() else {
        entry.message.extend_from_slice(first);
        return true;
    };
    let mut all: Vec<&[u8]> = [first, second].into_iter().chain(messages).collect();
    all.sort_unstable();
    entry.identified_by = all[0].len();
    entry.message = all.join(&b'\n');
    true
}

/// Which part of a line the entry is. journald says so at `LineMax=`, log drivers of containers at 16 KiB.
fn piece(fields: &Fields) -> Piece {
    let is = |field, value: &[u8]| fields.get(field) == Some(value);
    let is_cut = is(place::LINE_BREAK, b"line-max") || is(place::PARTIAL, b"true");
    match is_cut && !is(place::PARTIAL_LAST, b"true") {
        true => Piece::GoesOn,
        false => Piece::Last,
    }
}

fn dropped(fields: &Fields) -> Option<u64> {
    let is_notice = fields.get(place::MESSAGE_ID) == Some(DROPPED);
    let number = fields.get(place::N_DROPPED).filter(|_| is_notice)?;
    std::str::from_utf8(number).ok()?.parse().ok()
}

fn set_text(text: &mut String, value: Option<&[u8]>) {
    let value = value.unwrap_or_default();
    if text.as_bytes() != value {
        text.clear();
        text.push_str(&String::from_utf8_lossy(value));
    }
}

fn set_bytes(bytes: &mut Vec<u8>, value: Option<&[u8]>) {
    bytes.clear();
    bytes.extend_from_slice(value.unwrap_or_default());
}

/// All fields of an entry that has no `MESSAGE`, as one JSON object.
///
/// Like `journalctl -o json`, without the cursor, which is another one in a copy of the journal: a repeated field is an array, bytes
/// that are not UTF-8 an array of numbers. Names are sorted and repeated values too, since two reads need not give them in the same
/// order.
#[derive(Debug, Default)]
pub(super) struct WholeEntry(BTreeMap<String, Vec<Vec<u8>>>);

impl WholeEntry {
    /// Takes `FIELD=value`.
    pub(super) fn field(&mut self, data: &[u8]) {
        let Some(equals) = memchr::memchr(b'=', data) else {
            return;
        };
        let name = String::from_utf8_lossy(&data[..equals]).into_owned();
        let values = self.0.entry(name).or_default();
        values.push(data[equals + 1..].to_vec());
    }

    /// The JSON text, with the entry's times as `journalctl` names them.
    #[must_use]
    pub(super) fn into_json(mut self, realtime: u64, monotonic: u64) -> String {
        for (name, value) in [
            ("__REALTIME_TIMESTAMP", realtime),
            ("__MONOTONIC_TIMESTAMP", monotonic),
        ] {
            let value = value.to_string().into_bytes();
            self.0.insert(name.to_owned(), vec![value]);
        }
        let object = self.0.into_iter().map(|(name, mut values)| {
            values.sort_unstable();
            let mut values: Vec<Value> = values.into_iter().map(json_value).collect();
            let value = match values.len() {
                1 => values.swap_remove(0),
                _ => Value::Array(values),
            };
            (name, value)
        });
        Value::Object(object.collect()).to_string()
    }
}

fn json_value(bytes: Vec<u8>) -> Value {
    match String::from_utf8(bytes) {
        Ok(text) => Value::String(text),
        Err(error) => error.into_bytes().into(),
    }
}
