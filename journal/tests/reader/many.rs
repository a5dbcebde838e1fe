//! As many files as a journal can have, with few descriptors and little memory.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use support::image::Image;
use support::journal::{BEGIN, Entry, UNIT};

use crate::common::{is_long, plain_image};

const LINES: u64 = 3;

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
    let example = std::env::current_exe().unwrap();
    let example = example.ancestors().nth(2).unwrap().join("examples/entries");
    let begin = Instant::now();
    let output = Command::new("sh")
        .args([
            "-c",
            "ulimit -n 256 && ulimit -v 262144 && exec \"$@\"",
            "sh",
        ])
        .arg(example)
        .arg(dir.path())
        .arg(UNIT)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{files} files in {:?}: {text}", begin.elapsed());
    assert!(
        text.starts_with(&format!("{} entries", files * LINES)),
        "{text}, {output:?}"
    );
    assert!(begin.elapsed().as_secs() < 30);
}
