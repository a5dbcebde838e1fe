//! A journal of any lines: no panic, and every point reads back from its stored form as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shipper::insight::Reader;
use shipper::record::Derived;

fuzz_target!(|journal: &str| {
    let mut reader = Reader::default();
    for line in journal.split('\n') {
        let mut points = Vec::new();
        reader.derive(line, &mut points);
        let config = bincode::config::standard();
        let stored = bincode::serde::encode_to_vec(&points, config).unwrap();
        let (read, length): (Vec<Derived<'_>>, _) =
            bincode::serde::borrow_decode_from_slice(&stored, config).unwrap();
        assert_eq!((&read, length), (&points, stored.len()));
    }
});
