//! Where the journal reads: each line has a level of ours.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::process::{Command, Stdio};

use serde_json::Value;
use support::endpoint::Endpoint;
use support::journal::Entry;
use support::journald::Journald;

use super::server::{hostile_answers, server};
use super::{HOSTILE, assert_shown, hostile_host, shown};
use crate::common::{Host, Running, wait_until};
use crate::host;

/// The service's log under systemd while a server answers with this, and what it says of itself meanwhile.
#[test]
fn under_systemd_every_line_of_the_log_is_an_event_of_ours_whatever_the_server_answers() {
    let answers = hostile_answers();
    for answer in answers
        .iter()
        .filter(|answer| !answer.contains("200 OK"))
        .take(6)
    {
        let endpoint = Endpoint::start().unwrap();
        let mut host = host(&endpoint, [Entry::line(crate::now() - 1_000_000, "a line")]);
        host.set("INFLUXDB_URL", &server(answer));
        host.set("SHIPPER_LOG", "debug");
        let running = under_systemd(&host);
        host.until("it was refused", |stats| {
            stats["service"]["forwarder"]["last_error"].is_string()
        });
        for look in ["status", "spool stats", "doctor", "status --json"] {
            let text = shown(&host, &format!("shipper {look}"));
            assert!(text.contains("x"), "{text}");
        }
        running.terminate();
        assert_journals(&fs::read_to_string(host.path("journal.log")).unwrap());
    }
}

/// The service, whose standard error is what `$JOURNAL_STREAM` names: `journal.log`.
fn under_systemd(host: &Host) -> Running {
    let log = File::create(host.path("journal.log")).unwrap();
    let mut command = host.command("run");
    command
        .env("JOURNAL_STREAM", journal_stream(&log))
        .stderr(log);
    Running(command.spawn().unwrap())
}

/// What systemd tells of a stream.
pub(crate) fn journal_stream(file: &File) -> String {
    let metadata = file.metadata().unwrap();
    format!("{}:{}", metadata.dev(), metadata.ino())
}

/// Every line begins with a level that this program has, and holds nothing hidden.
fn assert_journals(log: &str) {
    assert!(!log.is_empty());
    for line in log.lines() {
        let level = ["<3>", "<4>", "<6>", "<7>"]
            .iter()
            .any(|level| line.starts_with(level));
        assert!(level && line.len() > 3, "{line:?} in {log}");
    }
    assert_shown("journal", log);
}

#[test]
fn under_systemd_errors_have_their_level_in_each_line_and_so_has_what_a_command_prints() {
    let endpoint = Endpoint::start().unwrap();
    let host = hostile_host(&endpoint);
    host.run("run --once");
    let listed: Vec<Value> = serde_json::from_str(&host.succeed("spool ls --json")).unwrap();
    let forged = listed.iter().find(|entry| {
        let message = entry["message"].as_str().unwrap_or_default();
        message.starts_with("<0>poison")
    });
    let hash = forged.unwrap()["hash"].as_str().unwrap();
    let to_journal = |script: &str| {
        let log = File::create(host.path("journal.log")).unwrap();
        let mut command = host.shell(script);
        command
            .env("H", HOSTILE)
            .env("JOURNAL_STREAM", journal_stream(&log));
        command.stdout(log.try_clone().unwrap()).stderr(log);
        command.status().unwrap();
        fs::read_to_string(host.path("journal.log")).unwrap()
    };
    for script in [
        r#"shipper "$H""#,
        r#"shipper --config "$H" run"#,
        r#"shipper --set "SHIPPER_BATCH_LINES=$H" --set "SHIPPER_X$H=1" run"#,
        r#"SHIPPER_SPOOL_DIR="$PWD/$H" shipper status"#,
    ] {
        let log = to_journal(script);
        assert_journals(&log);
        assert!(log.lines().all(|line| line.starts_with("<3>")), "{log}");
    }
    // The variable was left to somebody whose standard error is another file.
    let mut elsewhere = host.command("nonsense");
    let output = elsewhere.env("JOURNAL_STREAM", "8:1").output().unwrap();
    assert!(output.stderr.starts_with(b"error: unrecognized"));
    let show = to_journal(&format!("shipper spool show {hash}"));
    assert!(show.lines().all(|line| line.starts_with("<6>")), "{show}");
    assert!(show.contains("\n<6><0>poison x\n<6><0>forged"), "{show}");
    let json = to_journal(&format!("shipper spool show {hash} --json"));
    let parsed: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(Some(&parsed), forged);
    assert!(!json.contains("<0>"), "{json}");
}

/// The priorities of all entries of a journal that has the message `last`, which is awaited.
fn priorities(journald: &Journald, last: &str) -> Vec<String> {
    let mut entries = Vec::new();
    wait_until("the journal has the last line", || {
        let output = Command::new("journalctl")
            .arg(format!("--directory={}", journald.journal_dir().display()))
            .args(["--output=json", "--quiet"])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        entries = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|entry| entry["SYSLOG_IDENTIFIER"] == "shipper")
            .collect();
        entries.iter().any(|entry| entry["MESSAGE"] == last)
    });
    let priority = |entry: &Value| entry["PRIORITY"].as_str().unwrap().to_owned();
    entries.iter().map(priority).collect()
}

#[test]
fn a_real_journald_takes_no_words_of_others_for_an_emergency_wherever_it_breaks_the_lines() {
    if !rustix::process::geteuid().is_root() {
        support::loud("SKIPPED: a journald of our own needs root");
        return;
    }
    let journald = Journald::start(64 << 20).unwrap();
    // journald breaks lines at 48 KiB, where a level stands here, whatever of our own is before it.
    let long = [0, 1, 2].map(|skew| "x".repeat(skew) + &"<0>".repeat(33_000));
    let entries = long
        .iter()
        .enumerate()
        .map(|(place, line)| Entry::line(crate::now() - 3_000_000 + place as u64, line));
    let endpoint = Endpoint::start().unwrap();
    let host = host(&endpoint, entries.collect::<Vec<_>>());
    host.run("run --once");
    let listed: Vec<Value> = serde_json::from_str(&host.succeed("spool ls --json")).unwrap();
    let mut stream = journald.stderr_of("shipper.service").unwrap();
    let of_stream = rustix::fs::fstat(&stream).unwrap();
    let named = format!("{}:{}", of_stream.st_dev, of_stream.st_ino);
    let into_journal = |script: &str, words: &str| {
        let stream = || -> OwnedFd { stream.as_fd().try_clone_to_owned().unwrap() };
        let mut command = host.shell(script);
        command.env("H", words).env("JOURNAL_STREAM", &named);
        command
            .stdout(Stdio::from(stream()))
            .stderr(Stdio::from(stream()));
        command.status().unwrap();
    };
    for hash in listed.iter().filter_map(|entry| entry["hash"].as_str()) {
        into_journal(&format!("shipper spool show {hash}"), "");
        into_journal(&format!("shipper spool show {hash} --json"), "");
    }
    for words in long.iter().map(String::as_str).chain([HOSTILE]) {
        into_journal(r#"shipper "$H""#, words);
        into_journal(r#"shipper --config "$H" run"#, words);
        into_journal(r#"SHIPPER_SPOOL_DIR="$PWD/$H" shipper status"#, words);
        into_journal("shipper status", words);
    }
    stream
        .write_all(b"<0>an emergency of the test's own\n")
        .unwrap();
    let found = priorities(&journald, "an emergency of the test's own");
    let count = |priority: &str| found.iter().filter(|found| *found == priority).count();
    assert_eq!(count("0"), 1, "{found:?}");
    assert_eq!(count("1") + count("2") + count("5"), 0, "{found:?}");
    assert!(count("3") >= 12 && count("6") > 20, "{found:?}");
}
