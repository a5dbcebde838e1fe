//! What `doctor` says of journald's limit, by what systemd says of the unit and by what was dropped.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use support::endpoint::Endpoint;
use support::journal::{BEGIN, Entry, UNIT, busy};

use crate::common::Host;
use crate::host;

/// A program of the host that answers with this text.
fn program(host: &Host, name: &str, answer: &str) {
    let path = host.path("bin").join(name);
    fs::create_dir_all(host.path("bin")).unwrap();
    fs::write(&path, format!("#!/bin/sh\ncat <<'END'\n{answer}\nEND\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Grade, what was found, and fix of the check.
fn limit(host: &Host) -> [String; 3] {
    let path = format!("{}:/usr/bin:/bin", host.path("bin").display());
    let output = host.command("doctor --json").env("PATH", path).output();
    let findings: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
    let mut findings = findings.as_array().unwrap().iter();
    let finding = findings.find(|finding| finding["check"] == "log limit");
    let finding = finding.expect("the check");
    ["grade", "found", "fix"].map(|key| finding[key].as_str().unwrap_or_default().to_owned())
}

/// journald's word of it.
fn dropped() -> Entry {
    Entry::new(BEGIN)
        .with("_UID", "0")
        .without("_TRANSPORT")
        .with("_TRANSPORT", "driver")
        .with("OBJECT_SYSTEMD_UNIT", UNIT)
        .with("MESSAGE_ID", "a596d6fe7bfa4994828e72309e95d61e")
        .with("N_DROPPED", "37500")
        .with("MESSAGE", "Suppressed 37500 messages from ollama.service")
}

#[test]
fn the_limit_of_the_unit_is_said_and_dropped_lines_are_a_warning_with_what_lifts_it() {
    let endpoint = Endpoint::start().unwrap();
    let host = host(&endpoint, busy(5).chain([dropped()]));
    program(&host, "systemd-analyze", "[Journal]\nRateLimitBurst=5000");
    program(
        &host,
        "systemctl",
        "LogRateLimitIntervalUSec=0\nLogRateLimitBurst=0",
    );
    let default =
        "journald takes 5,000 lines of ollama.service in 30s, more where its disk has room";
    assert_eq!(limit(&host), ["pass", default, ""]);

    program(
        &host,
        "systemctl",
        "LogRateLimitIntervalUSec=1s\nLogRateLimitBurst=1000000",
    );
    assert!(limit(&host)[1].starts_with("journald takes 1,000,000 lines of ollama.service in 1s"));

    program(
        &host,
        "systemctl",
        "LogRateLimitIntervalUSec=0\nLogRateLimitBurst=0",
    );
    let running = host.start("run");
    host.until("the word of journald is counted", |stats| {
        stats["service"]["reader"]["suppressed"] == 37_500
    });
    let [grade, found, fix] = limit(&host);
    assert_eq!(grade, "warn");
    assert_eq!(
        found,
        format!("37,500 lines dropped before they were in the journal: {default}")
    );
    assert!(
        fix.contains("--lift-log-limit") && fix.contains("LogRateLimitBurst=1000000"),
        "{fix}"
    );
    running.terminate();

    program(
        &host,
        "systemd-analyze",
        "[Journal]\nRateLimitIntervalSec=0",
    );
    assert_eq!(
        limit(&host),
        ["pass", "journald takes all lines of ollama.service", ""]
    );
}
