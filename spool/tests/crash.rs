//! SIGKILL at any moment: every acknowledged batch is whole, the position fits, the ledger sums.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a helper of a test fails by panicking, like the test"
)]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{SOURCE, clock, drain, is_long, key, ledger, list, payload, records, seqs, small};
use spool::{EntryKey, Limits, Options, Order, Selection, Seq, SeqSet, Spool, State};

const CHILD: &str = "SPOOL_CRASH_CHILD_DIR";
const RECORD_BYTES: usize = 300;

fn options() -> Options {
    Options {
        generation_bytes: 64 * 1024,
        ..small()
    }
}

#[test]
fn a_killed_process_loses_nothing_that_was_acknowledged() {
    if let Some(dir) = std::env::var_os(CHILD) {
        work(Path::new(&dir));
    }
    let name = "a_killed_process_loses_nothing_that_was_acknowledged";
    kill_again_and_again(name, if is_long() { 300 } else { 40 }, check);
}

/// Kills the child that the test named `name` is at any moment, and lets `check` see what it left.
fn kill_again_and_again(name: &str, rounds: u32, check: impl Fn(&Path, Told, u32)) {
    let mut dir = tempfile::tempdir().unwrap();
    let mut moment = 12_345u64;
    for round in 0..rounds {
        if round % 20 == 0 {
            dir = tempfile::tempdir().unwrap();
        }
        moment = moment
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let told = kill_after(
            name,
            dir.path(),
            Duration::from_micros(2_000 + (moment >> 33) % 120_000),
        );
        check(dir.path(), told, round);
    }
}

/// What the child was told: records appended, records delivered.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    appended: u64,
    delivered: u64,
}

/// Runs a child on the spool, kills it `delay` after its first word, and returns what it had been told.
fn kill_after(name: &str, dir: &Path, delay: Duration) -> Told {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap)
        .filter(|line| line.starts_with("told "));
    let first = lines.next().expect("the child opens the spool");
    let killer = std::thread::spawn(move || {
        // The moment of the kill, not a wait for a condition.
        std::thread::sleep(delay);
        child.kill().unwrap();
        child.wait().unwrap()
    });
    let last = lines.last().unwrap_or(first);
    killer.join().unwrap();
    let mut numbers = last
        .split_whitespace()
        .skip(1)
        .map(|number| number.parse().unwrap());
    Told {
        appended: numbers.next().unwrap(),
        delivered: numbers.next().unwrap(),
    }
}

/// The child: appends, delivers, quarantines, prunes, and says after each step what it knows to be durable. Never returns.
fn work(dir: &Path) -> ! {
    let mut spool = Spool::open(dir, options()).unwrap().0;
    let mut appended = position(&spool);
    let mut delivered = spool.stats().delivered + spool.stats().quarantined;
    for step in 0u64.. {
        // One write a line, so that a kill cannot tear it; a little room so that no line is cut by the pipe.
        let line = format!("told {appended} {delivered}\n");
        std::io::stdout().write_all(line.as_bytes()).unwrap();
        if step % 3 == 2 {
            let limits = Limits {
                records: 50,
                bytes: 1 << 20,
            };
            let batch = spool
                .pending(limits, Order::OldestFirst, &SeqSet::new())
                .unwrap();
            if let Some(&seq) = batch.seqs.first().filter(|_| step % 21 == 2) {
                spool.quarantine(seq, "refused").unwrap();
                delivered += 1;
            } else {
                spool.ack(&batch.seqs.iter().copied().collect()).unwrap();
                delivered += batch.seqs.len() as u64;
            }
            spool.prune(clock(1, 0)).unwrap();
        } else {
            let count = 1 + step % 30;
            let batch = records(appended..appended + count, RECORD_BYTES);
            appended += count;
            spool
                .append(&batch, SOURCE, Some(&appended.to_le_bytes()))
                .unwrap();
        }
    }
    unreachable!("the child works until it is killed")
}

fn position(spool: &Spool) -> u64 {
    let position = spool
        .origin(SOURCE)
        .and_then(|origin| origin.position.as_deref());
    position.map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()))
}

fn check(dir: &Path, told: Told, round: u32) {
    let (mut spool, recovery) = Spool::open(dir, options()).unwrap();
    assert!(recovery.is_clean(), "round {round}: {recovery}");
    let stats = ledger(&spool);
    assert!(
        position(&spool) >= told.appended,
        "round {round}: position {} after {told:?}",
        position(&spool)
    );
    assert_eq!(stats.read, position(&spool), "round {round}");
    assert!(
        stats.delivered + stats.quarantined >= told.delivered,
        "round {round}: {stats:?} after {told:?}"
    );
    let mut seen = 0;
    let mut from = Some(Seq(0));
    while let Some(at) = from {
        let page = spool.ls(&Selection::default(), at, 1000).unwrap();
        for entry in page.entries {
            let n = entry.seq.0;
            assert_eq!(
                (entry.key, entry.payload),
                (key(n, 1_000_000 + n * 1000), payload(n, RECORD_BYTES))
            );
            seen += 1;
        }
        from = page.next;
    }
    assert_eq!(seen, stats.read, "round {round}: nothing was pruned");
    assert!(
        spool
            .quarantined(Seq(0), usize::MAX)
            .unwrap()
            .iter()
            .all(|refused| refused.reason == "refused")
    );
    common::assert_no_blobs(dir);
}

/// Every tenth record is refused, and moves on when the others of its generation go.
const REFUSED: u64 = 10;

#[test]
fn a_killed_process_neither_loses_nor_doubles_a_quarantined_record_that_moves_on() {
    if let Some(dir) = std::env::var_os(CHILD) {
        refuse_and_prune(Path::new(&dir));
    }
    let name = "a_killed_process_neither_loses_nor_doubles_a_quarantined_record_that_moves_on";
    kill_again_and_again(name, if is_long() { 300 } else { 30 }, check_refused);
}

fn without_retention() -> Options {
    Options {
        retention: Duration::ZERO,
        ..small()
    }
}

/// The child: takes in, refuses and delivers in turns, and prunes all the time. Never returns.
fn refuse_and_prune(dir: &Path) -> ! {
    let mut spool = Spool::open(dir, without_retention()).unwrap().0;
    let mut appended = position(&spool);
    loop {
        // What was taken in and is pending still comes with the next batch.
        let batch = drain(&mut spool);
        let numbers = batch.records.iter().map(|record| number(record.key));
        let refused: Vec<_> = batch
            .seqs
            .iter()
            .zip(numbers)
            .filter(|(_, n)| n % REFUSED == 0)
            .map(|(seq, n)| (*seq, format!("refused {n}")))
            .collect();
        let reasons = refused.iter().map(|(seq, reason)| (*seq, reason.as_str()));
        spool.quarantine_all(reasons).unwrap();
        spool.ack(&seqs(&batch)).unwrap();
        let line = format!("told {appended} {appended}\n");
        std::io::stdout().write_all(line.as_bytes()).unwrap();
        spool.prune(clock(1, 0)).unwrap();
        let batch = records(appended..appended + 30, RECORD_BYTES);
        appended += 30;
        spool
            .append(&batch, SOURCE, Some(&appended.to_le_bytes()))
            .unwrap();
    }
}

fn number(key: EntryKey) -> u64 {
    (key.time - 1_000_000) / 1000
}

fn check_refused(dir: &Path, told: Told, round: u32) {
    let (mut spool, recovery) = Spool::open(dir, without_retention()).unwrap();
    assert!(recovery.is_clean(), "round {round}: {recovery}");
    let stats = ledger(&spool);
    assert_eq!(stats.read, position(&spool), "round {round}: {stats:?}");
    let selection = Selection {
        state: Some(State::Quarantined),
        ..Selection::default()
    };
    let mut found: Vec<_> = list(&mut spool, &selection)
        .into_iter()
        .zip(spool.quarantined(Seq(0), usize::MAX).unwrap())
        .map(|(entry, refused)| {
            let n = number(entry.key);
            assert_eq!(
                (refused.seq, refused.reason),
                (entry.seq, format!("refused {n}"))
            );
            assert_eq!(entry.payload, payload(n, RECORD_BYTES));
            n
        })
        .collect();
    found.sort_unstable();
    let all = (0..).step_by(usize::try_from(REFUSED).unwrap());
    assert!(
        all.take(found.len()).eq(found.iter().copied()),
        "round {round}: {found:?}"
    );
    assert!(
        found.len() as u64 >= told.delivered / REFUSED,
        "round {round}: {told:?}, {stats:?}"
    );
}
