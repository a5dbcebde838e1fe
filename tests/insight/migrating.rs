//! What docs/migrating.md says to those who come from the translator, on a real InfluxDB.

use std::process::Command;

use ::support::influxd::{Influxd1, Server as _, Settings};
use ::support::journal::{BEGIN, Entry, write_journal};

use crate::common::Host;
use crate::whole_way::rows;

/// What each host's journal has.
const LINE: &str =
    r#"[GIN] 2025/09/20 - 20:00:00 | 200 |         414µs |       127.0.0.1 | GET      "/api/tags""#;

const PAGE: &str = include_str!("../../docs/migrating.md");

fn host(server: &Influxd1) -> Host {
    let mut host = Host::new(&server.url(), "v1", "");
    host.set("INFLUXDB_BUCKET", &server.bucket());
    std::fs::create_dir_all(host.path("journal")).unwrap();
    write_journal(
        &host.path("journal/system.journal"),
        [Entry::line(BEGIN, LINE)],
    )
    .unwrap();
    host
}

/// Makes a model of the registry `hf.co`, or removes it.
fn model(host: &Host, name: &str, is_there: bool) {
    let dir = host.path("models/manifests/hf.co/user").join(name);
    if is_there {
        std::fs::create_dir_all(&dir).unwrap();
        let manifest =
            r#"{"schemaVersion":2,"config":{"digest":"sha256:cc","size":30},"layers":[]}"#;
        std::fs::write(dir.join("Q4_K_M"), manifest).unwrap();
    } else {
        std::fs::remove_dir_all(dir).unwrap();
    }
}

#[test]
fn fields_names_and_latencies_are_those_of_the_page() {
    let server = Influxd1::start(Settings::default()).unwrap();
    let mut host = host(&server);
    let fields = "SHIPPER_LOG_FIELDS=message,pid";
    assert!(PAGE.contains(fields));
    let (key, value) = fields.split_once('=').unwrap();
    host.set(key, value);
    model(&host, "model", true);
    host.succeed("run --once");
    let logs = rows(&server, "SELECT message, pid FROM ollama_logs", &[]);
    assert_eq!(logs[0].1, [LINE, "4711"]);
    let fields = rows(&server, "SHOW FIELD KEYS FROM ollama_logs", &[]);
    assert_eq!(fields.len(), 2, "{fields:?}");
    assert!(PAGE.contains("`414µs` is `latency_ms` 0.414"));
    let latency = rows(&server, "SELECT latency_ms FROM ollama_requests", &[]);
    assert_eq!(latency[0].1, [0.414]);
    let name = "hf.co/user/model:Q4_K_M";
    assert!(PAGE.contains(name));
    let names = "SELECT size FROM ollama_model_inventory GROUP BY model_name";
    assert_eq!(rows(&server, names, &["model_name"])[0].0, [name]);
}

#[test]
fn a_model_that_is_gone_stays_in_the_inventory_with_the_time_of_its_last_snapshot() {
    let server = Influxd1::start(Settings::default()).unwrap();
    let host = host(&server);
    model(&host, "gone", true);
    model(&host, "stays", true);
    host.succeed("run --once");
    model(&host, "gone", false);
    host.succeed("run --once");
    let counts = "SELECT count(size) FROM ollama_model_inventory GROUP BY model_name";
    let counts: Vec<_> = rows(&server, counts, &["model_name"])
        .into_iter()
        .map(|(name, count)| (name[0].clone(), count[0].as_u64().unwrap()))
        .collect();
    let named = |name: &str| format!("hf.co/user/{name}:Q4_K_M");
    assert_eq!(counts, [(named("gone"), 1), (named("stays"), 2)]);
    let removed = "SELECT model FROM ollama_events WHERE kind = 'model_removed'";
    assert_eq!(rows(&server, removed, &[])[0].1, [named("gone")]);
}

#[test]
fn the_script_for_the_lookback_gives_the_time_since_the_cursor_and_a_minute_more() {
    let script = PAGE
        .split("```sh\n")
        .find(|block| block.contains("STATE_FILE"));
    let script = script.unwrap().split("```").next().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("cursor");
    let ago = 3 * 3_600;
    let now = || std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let before = now();
    let cursor = format!(
        "s=0a;i=1f;b=0b;m=5;t={:x};x=77\n",
        (before - ago) * 1_000_000
    );
    std::fs::write(&state, cursor).unwrap();
    let output = Command::new("sh")
        .args(["-euc", script])
        .env("STATE_FILE", &state)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let line = String::from_utf8(output.stdout).unwrap();
    let (key, value) = line.trim().split_once('=').unwrap();
    let seconds: u64 = value.trim_end_matches('s').parse().unwrap();
    assert!(
        (ago + 60..=ago + 60 + now() - before).contains(&seconds),
        "{line}"
    );
    let mut host = Host::new("http://127.0.0.1:1", "v1", "");
    host.set(key, value);
    let findings = String::from_utf8(host.run("doctor --json").stdout).unwrap();
    assert!(findings.contains("every key is accepted"), "{findings}");
}
