//! Makes a journal for scripts: `journal-fixture DIRECTORY ENTRIES`. Its last entry is of this moment, so that a first
//! run, which looks back 24 hours, finds them all.

use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use support::journal::{BEGIN, Entry, busy, write_journal};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, entries] = &arguments[..] else {
        eprintln!("usage: journal-fixture DIRECTORY ENTRIES");
        return ExitCode::from(2);
    };
    let made = entries
        .parse()
        .map_err(std::io::Error::other)
        .and_then(|entries| {
            std::fs::create_dir_all(directory)?;
            let file = Path::new(directory).join("system.journal");
            write_journal(&file, until_now(entries)?)
        });
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("journal-fixture: {error}");
            ExitCode::FAILURE
        }
    }
}

fn until_now(count: usize) -> std::io::Result<Vec<Entry>> {
    let now = SystemTime::UNIX_EPOCH
        .elapsed()
        .map_err(std::io::Error::other)?;
    let mut entries: Vec<Entry> = busy(count).collect();
    let last = entries.last().map_or(BEGIN, |entry| entry.realtime);
    let later = u64::try_from(now.as_micros())
        .map_err(std::io::Error::other)?
        .saturating_sub(last);
    for entry in &mut entries {
        entry.realtime += later;
    }
    Ok(entries)
}
