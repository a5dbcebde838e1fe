//! Doors for the fuzz targets; built only under `cfg(fuzzing)`.

use serde::Serialize;

use super::super::ReadEntry;
use super::wire::{FedEntry, FeedMessage, FeedRequest, receive, send};

/// Whatever a child may write: its messages, until one that is none. Each is sent as it was received, and what is filled into an
/// entry is taken out of it again.
///
/// # Panics
/// When it is not.
pub fn messages(mut input: &[u8]) {
    let mut read = ReadEntry::default();
    while let Ok(Some(message)) = receive::<FeedMessage>(&mut input) {
        let sent = sent(&message);
        let again = receive(sent.as_slice()).ok().flatten();
        let again: FeedMessage = again.expect("what was sent is received");
        assert_eq!(self::sent(&again), sent);
        if let FeedMessage::Entry(entry) = again {
            entry.fill(&mut read);
            let entry = FeedMessage::Entry(Box::new(FedEntry::of(&read)));
            assert_eq!(self::sent(&entry), sent);
        }
    }
}

/// Whatever whoever starts the child may write to it.
///
/// # Panics
/// As [`messages`].
pub fn request(input: &[u8]) {
    if let Ok(request) = super::request(input) {
        let sent = sent(&request);
        let again = receive::<FeedRequest>(sent.as_slice()).ok().flatten();
        assert_eq!(again.map(|again| self::sent(&again)), Some(sent));
    }
}

fn sent(message: &impl Serialize) -> Vec<u8> {
    let mut sent = Vec::new();
    send(&mut sent, message).expect("a message is encoded");
    sent
}
