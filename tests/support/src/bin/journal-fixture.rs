//! Makes a journal for scripts: `journal-fixture DIRECTORY ENTRIES`.

use std::path::Path;
use std::process::ExitCode;

use support::journal::{busy, write_journal};

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
            write_journal(&Path::new(directory).join("system.journal"), busy(entries))
        });
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("journal-fixture: {error}");
            ExitCode::FAILURE
        }
    }
}
