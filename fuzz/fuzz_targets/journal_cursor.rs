//! Whatever bytes stand in a cursor's or a checkpoint's place: reading ends without a panic, and what reads as one is
//! written as one that reads the same.
#![no_main]

use shipper::sources::journal::{Cursor, CursorCheckpoint};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(cursor) = Cursor::parse(bytes) {
        assert_eq!(Cursor::parse(cursor.to_string().as_bytes()), Ok(cursor));
    }
    if let Ok(checkpoint) = CursorCheckpoint::decode(bytes) {
        let again = checkpoint
            .encode()
            .map(|bytes| CursorCheckpoint::decode(&bytes).ok());
        assert_eq!(again.ok().flatten(), Some(checkpoint));
    }
});
