//! Whatever comes over the pipes between the shipper and its child that reads the journal, at either end: no panic, and a message is sent as
//! it was received.
#![no_main]

use shipper::fuzzing::{messages, request};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    messages(input);
    request(input);
});
