//! The instructions of fixed work, counted by callgrind: the same on a busy machine as on an idle one.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use support::journal::requests;

use crate::Outcome;
use crate::contender::shipper;
use crate::pipeline::journal;
use crate::scale;
use crate::sink::Sink;

/// Where the figures of the record are.
const RECORD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.txt");
const HEAD: &str = "# Instructions of fixed work. Written by `benches/instructions.sh --write`.";
/// How far from the record a count may be, in per cent. Counts of one program are within one per cent of each other.
const WITHIN: f64 = 3.0;
/// Lines of the journal, and lines that are pending.
const LINES: u64 = 20_000;
const PENDING: u64 = 50_000;
/// Waits for another thread in a loop, as long as that thread happens to take.
const SPIN: &str = "sled::lazy::Lazy";
/// Begins the line that says what the counts depend on beside the shipper's source.
const TOOLS: &str = "tools: ";

/// Counts, then records the counts, or compares them with the record and fails when one is too far from it.
pub(crate) fn run(write: bool) -> Outcome<()> {
    let counts = [
        (format!("run-{LINES}-lines"), whole_way()?),
        (format!("drain-{PENDING}-pending"), drain()?),
    ];
    let tools = tools();
    if write {
        let rows: String = counts
            .iter()
            .map(|(name, count)| format!("{name} {count}\n"))
            .collect();
        print!("{rows}");
        return Ok(fs::write(
            RECORD,
            format!("{HEAD}\n{TOOLS}{tools}\n{rows}"),
        )?);
    }
    let record = fs::read_to_string(RECORD)
        .map_err(|error| format!("{RECORD}: {error}; --write makes it"))?;
    let of_record = |name: &str| record.lines().find_map(|line| line.strip_prefix(name));
    println!(
        "{:<22} {:>13} {:>13} {:>9}",
        "", "instructions", "of record", "change"
    );
    let mut far = Vec::new();
    for (name, count) in &counts {
        let recorded: u64 = of_record(name).ok_or("not in the record")?.trim().parse()?;
        let change = (*count as f64 / recorded as f64 - 1.0) * 100.0;
        println!("{name:<22} {count:>13} {recorded:>13} {change:>+7.2} %");
        if change.abs() > WITHIN {
            far.push(name.as_str());
        }
    }
    let recorded_with = of_record(TOOLS).unwrap_or_default();
    if recorded_with != tools {
        println!("\n*** ONLY REPORTED: with other tools the counts are others. ***");
        println!("*** the record's: {recorded_with} ***\n*** those here:   {tools} ***");
        return Ok(());
    }
    match far.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "more than {WITHIN} % from the record: {}; where that is meant: benches/instructions.sh --write",
            far.join(", ")
        )
        .into()),
    }
}

/// From the journal to the server.
fn whole_way() -> Outcome<u64> {
    let (scratch, mut sink) = (tempfile::tempdir()?, Sink::start()?);
    let lines = usize::try_from(LINES)?;
    let journal = journal("requests", lines, requests(lines))?;
    let command = shipper(&journal, scratch.path(), &sink.url)?;
    let count = counted(command, scratch.path())?;
    all_stored(&mut sink, LINES)?;
    Ok(count)
}

/// From a full spool to the server.
fn drain() -> Outcome<u64> {
    let (scratch, mut sink) = (tempfile::tempdir()?, Sink::start()?);
    let journal = scale::prepare(scratch.path(), PENDING)?;
    let command = scale::service(&journal, scratch.path(), &sink.url)?;
    let count = counted(command, scratch.path())?;
    all_stored(&mut sink, PENDING)?;
    Ok(count)
}

fn all_stored(sink: &mut Sink, entries: u64) -> Outcome<()> {
    let stored = sink.tally()?.distinct_logs;
    match stored == entries {
        true => Ok(()),
        false => Err(format!("{stored} points of {entries}").into()),
    }
}

/// The instructions of `run --once` by `shipper`, all threads, libraries included.
fn counted(mut shipper: Command, scratch: &Path) -> Outcome<u64> {
    let (output, certificates) = (scratch.join("callgrind.out"), scratch.join("no.pem"));
    fs::write(&certificates, "")?;
    shipper
        .env("SHIPPER_HOST", "bench")
        .env("SHIPPER_LOG", "error")
        .env("SHIPPER_TELEMETRY", "off")
        .env("SHIPPER_IN_FLIGHT", "1")
        .env("SHIPPER_CATCHUP", "oldest-first")
        .env("SHIPPER_BATCH_LINGER", "1m")
        // How many certificates this host trusts has no part in it.
        .env("SSL_CERT_FILE", &certificates)
        .args(["run", "--once"]);
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--quiet"])
        .args(["--compress-strings=no", "--compress-pos=no"])
        .arg(format!("--callgrind-out-file={}", output.display()))
        .arg(shipper.get_program())
        .args(shipper.get_args())
        .env_clear()
        .stdin(Stdio::null());
    let set = shipper.get_envs();
    command.envs(set.filter_map(|(name, value)| Some((name, value?))));
    let status = command.status()?;
    if !status.success() {
        return Err(format!("valgrind ended with {status}").into());
    }
    sum(&fs::read_to_string(output)?)
}

/// What callgrind's output says the functions took, each without those it calls, [`SPIN`] left out.
fn sum(output: &str) -> Outcome<u64> {
    let (mut sum, mut taken) = (0, true);
    let mut lines = output.lines();
    while let Some(line) = lines.next() {
        if let Some(function) = line.strip_prefix("fn=") {
            taken = !function.contains(SPIN);
        } else if line.starts_with("calls=") {
            // The next line is what the call took, which the called function has as its own.
            lines.next();
        } else if taken && line.starts_with(|first: char| first.is_ascii_digit()) {
            let cost = line.split(' ').nth(1).ok_or("a position without a cost")?;
            sum += cost.parse::<u64>()?;
        }
    }
    Ok(sum)
}

/// The compiler, the counter, the libraries whose instructions are counted too, and what they choose their code by.
fn tools() -> String {
    let systemd = version("systemctl", "--version");
    let (systemd, _) = systemd.split_once(" (").unwrap_or((&systemd, ""));
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let wide = if processor.contains(" avx2 ") {
        " with AVX2"
    } else {
        ""
    };
    format!(
        "{}, {}, {systemd}, {}, {}{wide}",
        version("rustc", "--version"),
        version("valgrind", "--version"),
        version("getconf", "GNU_LIBC_VERSION"),
        env::consts::ARCH
    )
}

/// The first line that `tool` prints; nothing where it is missing.
fn version(tool: &str, argument: &str) -> String {
    let output = Command::new(tool).arg(argument).output();
    let text = output.map_or_else(|_| Vec::new(), |output| output.stdout);
    let text = String::from_utf8_lossy(&text);
    text.lines().next().unwrap_or_default().to_owned()
}
