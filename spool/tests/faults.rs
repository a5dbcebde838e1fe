//! Every kind of system call that a spool makes, made to fail once at each of its occurrences: no panic, the right words, nothing
//! lost and nothing double.
//!
//! A child process lives the life of a spool, and strace lets the call number N fail in it. Then a process without faults opens the
//! spool, reads the sources again from where it says, and looks.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper of a test fails by panicking, like the test"
)]

mod common;
mod faulty;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use common::{is_long, key, ledger, list, payload};
use faulty::scratch;
use spool::{
    Error, Limits, Options, Order, Reading, Records, Result, Selection, Seq, SeqSet, Spool,
};

const CHILD: &str = "SPOOL_FAULTS_DIR";
const TEST: &str = "every_system_call_may_fail_once";

/// How a child ends that nobody traces.
const NOT_TRACED: i32 = 77;

const SOURCES: [&str; 2] = ["one", "other"];

/// Records of a source are numbered from here.
const APART: u64 = 1_000_000;

fn options() -> Options {
    Options {
        generation_bytes: 12 * 1024,
        max_bytes: 64 << 20,
        retention: Duration::ZERO,
        ..Options::default()
    }
}

fn records(source: usize, numbers: std::ops::Range<u64>) -> Records {
    let mut records = Records::new();
    for n in numbers {
        records.set_layout(format!("layout {}", n / 11 % 3).as_bytes());
        let id = source as u64 * APART + n;
        let bytes = if n % 40 == 7 { 9000 } else { 300 };
        records.push(key(id, id + 1), &payload(id, bytes));
    }
    records
}

// --- The child ---------------------------------------------------------------------------------------------------------

/// What the child knows to be durable, and what went wrong, a line each.
struct Life {
    dir: PathBuf,
    spool: Option<Spool>,
    told: String,
    positions: [u64; 2],
}

static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl Life {
    /// Tries a step some times: strace lets a call fail once in each thread, and sled writes with seven.
    fn attempt<T>(
        &mut self,
        name: &str,
        mut step: impl FnMut(&mut Spool) -> Result<T>,
    ) -> Option<T> {
        for _ in 0..20 {
            let mut spool = match self.spool.take() {
                Some(spool) => spool,
                None => match Spool::open(&self.dir, options()) {
                    Ok((spool, recovery)) => {
                        if !recovery.is_clean() {
                            writeln!(self.told, "repaired\t{recovery}").unwrap();
                        }
                        spool
                    }
                    Err(error) => {
                        self.heard("open", &error);
                        continue;
                    }
                },
            };
            let done = step(&mut spool);
            self.spool = Some(spool);
            match done {
                Ok(done) => return Some(done),
                Err(error) => self.heard(name, &error),
            }
        }
        writeln!(self.told, "gave up\t{name}").unwrap();
        None
    }

    fn heard(&mut self, step: &str, error: &Error) {
        let trouble = error
            .trouble()
            .map_or_else(String::new, |trouble| format!("{trouble:?}"));
        writeln!(self.told, "error\t{step}\t{trouble}\t{error}\t{error:?}").unwrap();
    }

    fn append(&mut self, source: usize, count: u64) {
        let to = self.positions[source] + count;
        let appended = self.attempt("append", |spool| {
            spool.introduce(SOURCES[source], 1)?;
            let origin = spool.resume(SOURCES[source]).unwrap_or_default();
            let from = number(origin.position.as_deref());
            let read = records(source, from..to);
            spool.append(&read, SOURCES[source], Some(&to.to_le_bytes()))
        });
        if appended.is_some() {
            self.positions[source] = to;
            writeln!(self.told, "appended\t{source}\t{to}").unwrap();
        }
    }

    fn deliver(&mut self, count: usize) {
        let limits = Limits {
            records: count,
            bytes: usize::MAX,
        };
        self.attempt("ack", |spool| {
            let batch = spool.pending(limits, Order::OldestFirst, &SeqSet::new())?;
            spool.ack(&batch.seqs.into_iter().collect())
        });
    }

    fn refuse(&mut self) {
        let limits = Limits {
            records: 1,
            bytes: usize::MAX,
        };
        self.attempt("quarantine", |spool| {
            let batch = spool.pending(limits, Order::NewestFirst, &SeqSet::new())?;
            spool.quarantine(batch.seqs[0], "refused")
        });
    }

    fn live(&mut self) {
        self.append(0, 30);
        self.append(1, 15);
        self.deliver(20);
        self.refuse();
        self.append(0, 40);
        self.append(1, 30);
        self.spool = None;
        self.deliver(30);
        self.attempt("list", |spool| {
            spool.ls(&Selection::default(), Seq(0), 1000).map(drop)
        });
        self.attempt("prune", |spool| spool.prune(Reading::now()));
        self.append(1, 25);
        self.refuse();
        self.attempt("replay", |spool| spool.replay(&Selection::default()));
        self.deliver(60);
        self.attempt("prune", |spool| spool.prune(Reading::now()));
        self.append(0, 12);
        if let Some(recovery) = self
            .spool
            .take()
            .and_then(|spool| spool.stats().last_recovery)
            && !recovery.is_clean()
        {
            writeln!(self.told, "repaired\t{recovery}").unwrap();
        }
    }
}

fn number(position: Option<&[u8]>) -> u64 {
    position.map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()))
}

/// Whether somebody traces this thread.
fn is_traced() -> bool {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    status
        .lines()
        .any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
}

/// Lives once traced, and ends the process.
fn child(dir: &Path) -> ! {
    let patience = Instant::now() + Duration::from_secs(20);
    while !is_traced() {
        if Instant::now() > patience {
            std::process::exit(NOT_TRACED);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    std::panic::set_hook(Box::new(|panic| {
        PANICS
            .lock()
            .unwrap()
            .push(panic.to_string().replace('\n', " "));
    }));
    let dir = dir.to_owned();
    // A thread of its own: strace counts each thread's calls from 1.
    let life = std::thread::spawn(move || {
        let mut life = Life {
            dir,
            spool: None,
            told: String::new(),
            positions: [0; 2],
        };
        life.live();
        life.told
    });
    let mut told = life.join().unwrap_or_default();
    for panic in PANICS.lock().unwrap().iter() {
        writeln!(told, "panic\t{panic}").unwrap();
    }
    told.push_str("end\n");
    // Writing it may be what fails.
    let mut out = std::io::stdout();
    while let Err(error) = out.write_all(told.as_bytes()).and_then(|()| out.flush()) {
        told.insert_str(0, &format!("again\t{error}\n"));
    }
    std::process::exit(0);
}

// --- The parent --------------------------------------------------------------------------------------------------------

/// What becomes of a call.
#[derive(Clone, Copy)]
struct Fault {
    /// Calls that are one and the same to us.
    calls: &'static str,
    errno: &'static str,
    /// What the caller is told is wrong.
    trouble: &'static str,
    /// Points of it in the short form.
    points: usize,
}

const fn fault(
    calls: &'static str,
    errno: &'static str,
    trouble: &'static str,
    points: usize,
) -> Fault {
    Fault {
        calls,
        errno,
        trouble,
        points,
    }
}

const RENAMES: &str = "?rename,?renameat,?renameat2";
const REMOVALS: &str = "?unlink,?unlinkat,?rmdir";
const MAKINGS: &str = "?mkdir,?mkdirat";
const STATS: &str = "?stat,?lstat,?newfstatat,?statx,?fstat";

/// What fails here leaves everything readable.
const WRITES: [&str; 6] = [
    "pwrite64",
    "write",
    "fdatasync",
    "fsync",
    "ftruncate",
    RENAMES,
];

const FAULTS: [Fault; 27] = [
    fault("fdatasync", "EIO", "Io", 4),
    fault("fsync", "EIO", "Io", 3),
    fault(RENAMES, "EIO", "Io", 3),
    fault("pwrite64", "EIO", "Io", 4),
    fault("write", "EIO", "Io", 3),
    fault("pread64", "EIO", "Io", 4),
    fault("read", "EIO", "Io", 2),
    fault("openat", "EIO", "Io", 5),
    fault(REMOVALS, "EIO", "Io", 3),
    fault(MAKINGS, "EIO", "Io", 3),
    fault("ftruncate", "EIO", "Io", 2),
    fault("fallocate", "EIO", "Io", 1),
    fault("sync_file_range", "EIO", "Io", 2),
    fault("?getdents64", "EIO", "Io", 2),
    fault(STATS, "EIO", "Io", 3),
    fault("pwrite64", "ENOSPC", "NoSpace", 3),
    fault("write", "ENOSPC", "NoSpace", 2),
    fault("fdatasync", "ENOSPC", "NoSpace", 2),
    fault("fsync", "ENOSPC", "NoSpace", 1),
    fault(MAKINGS, "ENOSPC", "NoSpace", 1),
    fault(RENAMES, "ENOSPC", "NoSpace", 1),
    fault("fallocate", "ENOSPC", "NoSpace", 1),
    fault("sync_file_range", "ENOSPC", "NoSpace", 1),
    fault("openat", "EROFS", "ReadOnly", 2),
    fault(MAKINGS, "EROFS", "ReadOnly", 1),
    fault(RENAMES, "EROFS", "ReadOnly", 1),
    fault(REMOVALS, "EROFS", "ReadOnly", 1),
];

/// What came of a child.
struct Outcome {
    told: String,
    /// What strace wrote.
    trace: String,
}

/// Runs a child on `dir` under strace with these options; `None` when nobody may trace here.
fn run(dir: &Path, strace: &[String]) -> Option<Outcome> {
    let trace = dir.with_extension("trace");
    let out = fs::File::create(dir.with_extension("out")).unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", TEST, "--nocapture", "--test-threads=1"])
        .env(CHILD, dir)
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(out.try_clone().unwrap())
        .stderr(out)
        .spawn()
        .unwrap();
    wait_until_it_runs(&dir.with_extension("out"));
    let id = child.id().to_string();
    let tracer = Command::new("strace")
        .args(["-f", "-y", "-qq", "-o"])
        .arg(&trace)
        .args(strace)
        .args(["-p", &id])
        .stderr(Stdio::piped())
        .spawn();
    let Ok(tracer) = tracer else {
        end(child);
        return None;
    };
    let code = in_time(child).unwrap_or_else(|| {
        let trace = fs::read_to_string(&trace).unwrap_or_default();
        let last: Vec<&str> = trace.lines().rev().take(20).collect();
        panic!("{strace:?}: the child hangs, after {last:#?}")
    });
    let tracer = tracer.wait_with_output().unwrap();
    if code == Some(NOT_TRACED) || !tracer.status.success() {
        let _ = writeln!(
            std::io::stderr(),
            "strace: {}",
            String::from_utf8_lossy(&tracer.stderr)
        );
        return None;
    }
    let told = fs::read_to_string(dir.with_extension("out")).unwrap();
    assert_eq!(
        code,
        Some(0),
        "{strace:?}: the child ended otherwise: {told}"
    );
    Some(Outcome {
        told,
        trace: fs::read_to_string(trace).unwrap(),
    })
}

/// Waits until the child says its first words: what the loader reads before is not the spool's.
fn wait_until_it_runs(out: &Path) {
    let patience = Instant::now() + Duration::from_secs(20);
    while fs::metadata(out).unwrap().len() == 0 {
        assert!(Instant::now() < patience, "the child does not begin");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn end(mut child: Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// The exit code of `child`, if it ends in time.
fn in_time(mut child: Child) -> Option<Option<i32>> {
    let (tell, told) = mpsc::channel();
    let id = child.id();
    let waiting = std::thread::spawn(move || tell.send(child.wait().unwrap().code()));
    let code = told.recv_timeout(Duration::from_secs(60)).ok();
    if code.is_none() {
        let _ = Command::new("kill").args(["-9", &id.to_string()]).status();
    }
    waiting.join().unwrap().unwrap();
    code
}

/// How often the calls occur in the thread that makes most of them.
fn occurrences(trace: &str, calls: &str) -> usize {
    let calls: Vec<&str> = calls
        .split(',')
        .map(|call| call.trim_start_matches('?'))
        .collect();
    let mut by_thread = BTreeMap::<&str, usize>::new();
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else {
            continue;
        };
        let name = call.trim_start().split('(').next().unwrap_or("");
        if calls.contains(&name) {
            *by_thread.entry(thread).or_default() += 1;
        }
    }
    by_thread.into_values().max().unwrap_or(0)
}

/// The numbers of the calls that fail: all, or `points` of them from first to last.
fn numbers(occurrences: usize, points: usize) -> Vec<usize> {
    if is_long() || occurrences <= points {
        return (1..=occurrences).collect();
    }
    (0..points)
        .map(|point| 1 + point * (occurrences - 1) / points.saturating_sub(1).max(1))
        .collect()
}

/// The words are right, nobody panicked, and nothing is missing or double in `dir`.
fn check(dir: &Path, outcome: &Outcome, trouble: &str, what: &str) {
    let told = &outcome.told;
    let mut positions = [0; 2];
    let (mut is_repaired, mut is_over) = (false, false);
    for line in told.lines() {
        let words: Vec<&str> = line.split('\t').collect();
        match words[..] {
            ["appended", source, to] => {
                positions[source.parse::<usize>().unwrap()] = to.parse().unwrap();
            }
            ["error", _, found, ..] => assert_eq!(found, trouble, "{what}: {line}"),
            ["repaired", ..] => is_repaired = true,
            ["gave up", step] => panic!("{what}: {step} does not get through:\n{told}"),
            ["panic", text] => assert!(text.contains("/sled-0.34"), "{what}: {text}"),
            ["end"] => is_over = true,
            _ => {}
        }
    }
    assert!(is_over, "{what}: {told}");
    let is_of_a_write = WRITES.iter().any(|call| what.starts_with(call));
    assert!(
        !(is_repaired && is_of_a_write),
        "{what}: what can be read is put aside; {told}"
    );
    let (mut spool, recovery) =
        Spool::open(dir, options()).unwrap_or_else(|error| panic!("{what}: {error}\n{told}"));
    is_repaired |= !recovery.is_clean();
    for (source, name) in SOURCES.iter().enumerate() {
        let at = number(
            spool
                .origin(name)
                .and_then(|origin| origin.position.as_deref()),
        );
        assert!(
            is_repaired || at >= positions[source],
            "{what}: {name} stands at {at}, not {}",
            positions[source]
        );
        let again = spool.append(
            &records(source, at..positions[source].max(at)),
            name,
            Some(&positions[source].max(at).to_le_bytes()),
        );
        assert!(again.is_ok(), "{what}: {again:?}");
    }
    let mut held = BTreeSet::new();
    for entry in list(&mut spool, &Selection::default()) {
        let id = entry.key.time - 1;
        let one = records(usize::from(id >= APART), id % APART..id % APART + 1);
        let one = one.get(0).unwrap();
        assert_eq!(
            (entry.key, &entry.payload[..], &entry.layout[..]),
            (one.key, one.payload, one.layout),
            "{what}"
        );
        assert!(held.insert(id), "{what}: {id} is there twice");
    }
    let stats = ledger(&spool);
    let expected = (0..2).flat_map(|source| {
        let from = source * APART;
        from..from + positions[usize::try_from(source).unwrap()]
    });
    let missing: Vec<u64> = expected.filter(|id| !held.contains(id)).collect();
    // What is not held any more was delivered, and removed after that.
    let removed = stats.read - stats.held;
    assert!(
        missing.len() as u64 <= removed,
        "{what}: {missing:?} are missing, {removed} were removed; {told}"
    );
    assert_eq!(stats.expired, 0, "{what}");
    drop(spool);
    let again = Spool::open(dir, options()).unwrap().1;
    assert!(again.is_clean(), "{what}: {again}");
}

#[test]
fn every_system_call_may_fail_once() {
    if let Some(dir) = std::env::var_os(CHILD) {
        child(Path::new(&dir));
    }
    let home = scratch();
    let all = FAULTS.iter().map(|fault| fault.calls).collect::<Vec<_>>();
    let dir = home.path().join("none");
    let traced = run(&dir, &["-e".to_owned(), format!("trace={}", all.join(","))]);
    let Some(calm) = traced else {
        // Past the capture of the test runner, which hides what a test that passes prints.
        let skipped = "*** SKIPPED every_system_call_may_fail_once: needs strace, and permission to trace ***";
        writeln!(std::io::stderr(), "{skipped}").unwrap();
        return;
    };
    assert!(!calm.told.contains("error\t"), "{}", calm.told);
    check(&dir, &calm, "", "no fault");
    let (mut points, mut injected) = (0, 0);
    for fault in FAULTS {
        let occurrences = occurrences(&calm.trace, fault.calls);
        println!(
            "{occurrences} times {}, to fail with {}",
            fault.calls, fault.errno
        );
        for number in numbers(occurrences, fault.points) {
            let Fault {
                calls,
                errno,
                trouble,
                ..
            } = fault;
            let what = format!("{calls} number {number} of {occurrences} fails with {errno}");
            let dir = home.path().join(points.to_string());
            let strace = [
                "-e".to_owned(),
                format!("trace={calls}"),
                "-e".to_owned(),
                format!("inject={calls}:error={errno}:when={number}"),
            ];
            let outcome = run(&dir, &strace).unwrap();
            let met = outcome.trace.lines().filter(|l| l.contains("(INJECTED)"));
            let what = met.fold(what, |what, call| format!("{what}\n{call}"));
            check(&dir, &outcome, trouble, &what);
            points += 1;
            injected += usize::from(outcome.trace.contains("(INJECTED)"));
            let _ = fs::remove_dir_all(&dir);
        }
    }
    println!("{points} faults, {injected} of them met, 0 records lost or double");
    assert!(
        injected * 10 > points * 8,
        "{injected} of {points} faults were met"
    );
}
