//! A reader that waits learns of what is written, of new files and directories, and of its caller's wish.

use std::fs;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use journal::{Positions, Reader};
use support::journal::{BEGIN, Entry, UNIT};
use support::journald::Journald;

use crate::common::{All, drain, image, reader};
use crate::live::{pipe, read_until};

/// How long it takes from a line to the reader that has it, of several lines after quiet times: the median.
fn latency(prepare: impl Fn(Reader) -> Reader) -> Duration {
    let journald = Journald::start(64 << 20).unwrap();
    let mut stream = journald.stdout_of(UNIT).unwrap();
    writeln!(stream, "begin").unwrap();
    let dir = journald.journal_dir();
    read_until(
        &mut reader(&dir, Positions::default()),
        &mut All::default(),
        |all| !all.entries.is_empty(),
    );
    let (wake, _writer) = pipe();
    let mut times = Vec::new();
    for sample in 0..9 {
        // A new reader has not seen lines flow.
        let mut current = prepare(reader(&dir, Positions::begin(u64::MAX, [0; 16])));
        let mut all = All::default();
        drain(&mut current, &mut all);
        let written = std::thread::scope(|scope| {
            let writing = scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(37 * sample));
                writeln!(stream, "sample {sample}").unwrap();
                Instant::now()
            });
            let deadline = Instant::now() + Duration::from_secs(20);
            while all.entries.is_empty() && Instant::now() < deadline {
                current.wait(Duration::from_secs(10), wake.as_fd());
                drain(&mut current, &mut all);
            }
            writing.join().unwrap()
        });
        assert_eq!(all.texts(), [format!("sample {sample}")]);
        times.push(written.elapsed());
    }
    times.sort();
    println!("{times:?}");
    times[times.len() / 2]
}

#[test]
fn a_line_after_a_quiet_time_is_there_within_450_ms() {
    let median = latency(|reader| reader);
    assert!(median <= Duration::from_millis(450), "{median:?}");
}

#[test]
fn without_inotify_a_line_is_there_within_250_ms() {
    let median = latency(Reader::unwatched);
    assert!(median <= Duration::from_millis(260), "{median:?}");
}

#[test]
fn new_files_and_directories_are_noticed() {
    let prepare: [fn(Reader) -> Reader; 2] = [|reader| reader, Reader::unwatched];
    for prepare in prepare {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("journal");
        let mut current = prepare(reader(&root, Positions::default()));
        let (wake, _writer) = pipe();
        let mut all = All::default();
        let machine = root.join("a0000000000000000000000000000001");
        let steps: [&dyn Fn(); 4] = [
            &|| fs::create_dir(&root).unwrap(),
            &|| {
                image([Entry::line(BEGIN, "in the root")])
                    .save(&root.join("a.journal"))
                    .unwrap();
            },
            &|| fs::create_dir(&machine).unwrap(),
            &|| {
                image([Entry::line(BEGIN, "of a machine")])
                    .save(&machine.join("b.journal"))
                    .unwrap();
            },
        ];
        for (step, change) in steps.into_iter().enumerate() {
            change();
            let begin = Instant::now();
            let wanted = [0, 1, 1, 2][step];
            while all.entries.len() < wanted && begin.elapsed() < Duration::from_secs(10) {
                current.wait(Duration::from_secs(2), wake.as_fd());
                drain(&mut current, &mut all);
            }
            assert_eq!(all.entries.len(), wanted, "step {step}: {:?}", all.texts());
            assert!(
                begin.elapsed() < Duration::from_millis(1500),
                "step {step}: {:?}",
                begin.elapsed()
            );
        }
    }
}

#[test]
fn the_wake_descriptor_ends_a_wait_at_once() {
    let dir = tempfile::tempdir().unwrap();
    for prepare in [|reader| reader, Reader::unwatched] as [fn(Reader) -> Reader; 2] {
        let mut current = prepare(reader(dir.path(), Positions::default()));
        drain(&mut current, &mut All::default());
        let (wake, mut writer) = pipe();
        let begin = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| writer.write_all(b"x").unwrap());
            current.wait(Duration::from_secs(30), wake.as_fd());
        });
        assert!(
            begin.elapsed() < Duration::from_millis(200),
            "{:?}",
            begin.elapsed()
        );
    }
}
