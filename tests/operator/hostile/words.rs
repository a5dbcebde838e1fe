//! In the spool, in names of models, in arguments, paths and the environment.

use serde_json::{Value, json};
use support::endpoint::Endpoint;

use super::{HOSTILE, hostile_host, looks, shown};
use crate::host;

#[test]
fn whatever_lines_names_and_reasons_hold_no_command_lets_it_at_the_terminal_and_json_is_exact() {
    let endpoint = Endpoint::start().unwrap();
    let host = hostile_host(&endpoint);
    let log = shown(&host, "shipper run --once");
    assert!(
        log.contains(r"/x\n<0>forged"),
        "of the journal's file: {log}"
    );
    let listed: Vec<Value> = serde_json::from_str(&host.succeed("spool ls --json")).unwrap();
    let messages: Vec<_> = listed.iter().map(|entry| &entry["message"]).collect();
    assert!(messages.contains(&&json!(HOSTILE)), "exactly: {messages:?}");
    let refused = listed
        .iter()
        .filter(|entry| entry["state"] == "quarantined");
    let reasons: Vec<_> = refused
        .filter_map(|entry| entry["reason"].as_str())
        .collect();
    assert_eq!(reasons.len(), 2);
    // In one line, as every reason is.
    let is_kept = |reason: &&str| {
        reason.contains("field type conflict: x <0>forged") && reason.contains('\u{202e}')
    };
    assert!(reasons.iter().all(is_kept), "{reasons:?}");
    let hashes: Vec<_> = listed
        .iter()
        .filter_map(|entry| entry["hash"].as_str())
        .collect();

    for look in looks(&hashes) {
        let text = shown(&host, &format!("shipper {look}"));
        let json = shown(&host, &format!("shipper {look} --json"));
        assert!(!text.is_empty() && !json.is_empty(), "{look}");
    }
    let report = shown(&host, "shipper report");
    assert!(report.contains(r"x\n<0>forged"), "{report}");
    let running = host.start("run");
    host.until("it answers", |_| true);
    for look in looks(&hashes[..1]) {
        shown(&host, &format!("shipper {look}"));
    }
    running.terminate();
}

#[test]
fn arguments_names_of_files_and_the_environment_are_shown_escaped_wherever_they_are_refused() {
    let endpoint = Endpoint::start().unwrap();
    let host = host(&endpoint, []);
    host.run("run --once");
    for script in [
        r#"shipper "$H""#,
        r#"shipper "-$H""#,
        r#"shipper status "--$H""#,
        r#"shipper spool "$H""#,
        r#"shipper spool show "$H""#,
        r#"shipper spool ls --since "$H""#,
        r#"shipper spool ls --state "$H""#,
        r#"shipper spool ls --limit "$H""#,
        r#"shipper spool purge --dry-run --match "($H""#,
        r#"shipper completions "$H""#,
        r#"shipper --config "$H" status"#,
        r#"shipper --config "$PWD/$H" doctor"#,
        r#"shipper --set "$H" status"#,
        r#"shipper --set "SHIPPER_$H=1" status"#,
        r#"shipper --set "SHIPPER_$H=1" doctor"#,
        r#"shipper --set "SHIPPER_BATCH_LINES=$H" run"#,
        r#"shipper --set "SHIPPER_LOG=$H" status"#,
        r#"shipper spool recover "$PWD/$H""#,
        r#"shipper report --html "/nowhere/$H""#,
        r#"shipper spool export --output "/nowhere/$H""#,
        r#"shipper man "/proc/$H""#,
        r#"SHIPPER_SPOOL_DIR="$PWD/$H" shipper status"#,
        r#"SHIPPER_SPOOL_DIR="/proc/$H" shipper run --once"#,
        r#"SHIPPER_JOURNAL_DIR="$PWD/$H" shipper doctor"#,
        r#"SHIPPER_CONTROL_SOCKET="/proc/$H" shipper run"#,
        r#"INFLUXDB_URL="http://127.0.0.1:1/$H" shipper doctor"#,
        r#"INFLUXDB_URL="$H" shipper doctor"#,
        r#"exec -a "$H" shipper --help"#,
        r#"exec -a "$H" shipper nonsense"#,
    ] {
        assert!(!shown(&host, script).is_empty(), "{script}");
    }
    let refused = shown(&host, r#"shipper "$H""#);
    assert!(
        refused.starts_with(r"error: unrecognized subcommand 'x\n<0>forged\r\u{1b}[2J"),
        "{refused}"
    );
    let terminal = r#"script -qec 'shipper "$H"' /dev/null"#;
    let output = host.shell(terminal).env("H", HOSTILE).output().unwrap();
    let coloured = String::from_utf8(output.stdout).unwrap();
    assert!(
        coloured.contains("\x1b[1m\x1b[31merror:\x1b[0m"),
        "{coloured:?}"
    );
    assert_eq!(output.status.code(), Some(2));
}
