//! Whatever stands in the file, the environment and the flags: it is taken or refused without a panic, every problem is told, and none of it
//! tells the token.
#![no_main]

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use shipper::config::{KEYS, Raw};

/// No part of anything that the shipper says by itself.
const TOKEN: &str = "qZ7-vK1x";

/// In memory, where there is such a place.
static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let dir = if memory.is_dir() {
        memory
    } else {
        std::env::temp_dir()
    };
    dir.join(format!("fuzz-configuration-{}.env", std::process::id()))
});

/// The file's text; which keys of the table, by number, have which values in the environment; the flags.
type Input<'a> = (&'a str, Vec<(u8, &'a str)>, Vec<String>);

libfuzzer_sys::fuzz_target!(|input: Input<'_>| {
    let (text, values, flags) = input;
    if flags.iter().any(|flag| flag.contains(TOKEN)) || text.contains(TOKEN) {
        return;
    }
    fs::write(&*FILE, text).unwrap();
    let named = values.iter().map(|(number, value)| {
        let key = &KEYS[usize::from(*number) % KEYS.len()];
        (key.name.to_owned(), (*value).to_owned())
    });
    let token = ("INFLUXDB_TOKEN".to_owned(), TOKEN.to_owned());
    let raw = match Raw::gather(Some(&FILE), named.chain([token]), &flags) {
        Ok(raw) => raw,
        Err(refused) => return assert!(!refused.to_string().is_empty()),
    };
    let mut said = String::new();
    for result in [
        raw.config().map(|config| format!("{config:?}")),
        raw.local().map(|local| format!("{local:?}")),
        raw.journal().map(|journal| format!("{journal:?}")),
        raw.server().map(|server| format!("{server:?}")),
    ] {
        match result {
            Ok(taken) => said.push_str(&taken),
            Err(refused) => {
                let problems = refused.to_string();
                assert!(!problems.is_empty());
                write!(said, "{problems}").unwrap();
            }
        }
    }
    assert!(!said.contains(TOKEN), "{said}");
});
