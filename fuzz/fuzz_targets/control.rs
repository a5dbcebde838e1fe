//! Whatever stands in a line of the control socket, at either end: reading it ends without a panic, and what reads as a message is written
//! as the same one.
#![no_main]

use shipper::fuzzing::{answer, question};

libfuzzer_sys::fuzz_target!(|line: &[u8]| {
    question(line);
    answer(line);
});
