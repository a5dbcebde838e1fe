//! As many files as a journal can have, with few descriptors and little memory.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use journal::{Positions, Step};
use support::image::Image;
use support::journal::{BEGIN, Entry};

use crate::common::{is_long, plain_image, reader};

const LINES: u64 = 3;
/// Names the directory that the process below reads.
const DIRECTORY: &str = "JOURNAL_TEST_DIRECTORY";

/// The process that is held to few descriptors and little memory; in a run of all tests it has nothing to read.
#[test]
fn reads_the_directory_that_it_is_told() {
    let Some(dir) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let mut reader = reader(Path::new(&dir), Positions::default());
    let mut entries = 0_u64;
    loop {
        match reader.next().unwrap() {
            Step::Entry(_) => entries += 1,
            Step::Notice(notice) => panic!("{notice:?}"),
            Step::End => break,
        }
    }
    println!("{entries} entries read");
}

/// Writes an image without the blocks that are empty.
fn save_sparsely(image: &Image, path: &Path) {
    let file = File::create(path).unwrap();
    let end = image
        .objects()
        .last()
        .map_or(0, |one| one.at + one.size)
        .next_multiple_of(4096);
    for (block, bytes) in image.0[..end].chunks(4096).enumerate() {
        if bytes.iter().any(|byte| *byte != 0) {
            file.write_all_at(bytes, block as u64 * 4096).unwrap();
        }
    }
    file.set_len(end as u64).unwrap();
}

#[test]
fn thousands_of_files_are_read_with_256_descriptors_and_bounded_memory() {
    let files: u64 = if is_long() { 10_000 } else { 2_000 };
    let dir = tempfile::tempdir().unwrap();
    let line = |n| Entry::line(BEGIN + n, format!("line {n}"));
    let base = plain_image((0..LINES).map(line)).numbered(1, 1).archived();
    for file in 0..files {
        // Half of them are one sequence, the others one each.
        let image = match file % 2 {
            0 => base.clone().numbered(1, 1 + file / 2 * LINES),
            _ => {
                let mut image = base.clone();
                image.0[72..80].copy_from_slice(&(file + 1000).to_le_bytes());
                image
            }
        };
        let image = image.identified(u128::from(file) + 1);
        save_sparsely(&image, &dir.path().join(format!("system@{file}.journal")));
    }
    let itself = std::env::current_exe().unwrap();
    let begin = Instant::now();
    let output = Command::new("sh")
        .args([
            "-c",
            "ulimit -n 256 && ulimit -v 262144 && exec \"$@\"",
            "sh",
        ])
        .arg(itself)
        .args([
            "--exact",
            "many::reads_the_directory_that_it_is_told",
            "--nocapture",
        ])
        .env(DIRECTORY, dir.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{files} files in {:?}: {text}", begin.elapsed());
    assert!(
        text.contains(&format!("{} entries read", files * LINES)),
        "{text}, {output:?}"
    );
    assert!(begin.elapsed().as_secs() < 30);
}
