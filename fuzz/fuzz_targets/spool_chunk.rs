//! Whatever bytes stand in a chunk's place: decoding ends without a panic, and what decodes was encoded by us.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| spool::fuzzing::chunk(bytes));
