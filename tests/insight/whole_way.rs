//! Generated journal → shipper → a real InfluxDB: its counts and sums are those that the generator knows.

use std::collections::BTreeMap;

use ::support::endpoint::Endpoint;
use ::support::influxd::{Influxd1, Server as _, Settings};
use ::support::journal::{BEGIN, write_journal};
use serde_json::Value;

use crate::common::Host;
use crate::generator::{Generator, Known};
use crate::support::SHA;

fn server() -> Influxd1 {
    Influxd1::start(Settings::default()).unwrap()
}

fn host(server: &Influxd1) -> Host {
    let mut host = Host::new(&server.url(), "v1", "");
    host.set("INFLUXDB_BUCKET", &server.bucket());
    std::fs::create_dir_all(host.path("journal")).unwrap();
    model(&host, "llama3", SHA);
    host
}

/// Gives the host that log and a model.
pub(crate) fn fill(host: &Host, generator: &Generator) {
    std::fs::create_dir_all(host.path("journal")).unwrap();
    model(host, "llama3", SHA);
    journal(host, "system", generator);
}

/// Puts a model into the host's models directory.
fn model(host: &Host, name: &str, weights: &str) {
    let dir = host.path(&format!(
        "models/manifests/registry.ollama.ai/library/{name}"
    ));
    std::fs::create_dir_all(&dir).unwrap();
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{{"digest":"sha256:cc","size":30}},"layers":[
        {{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:{weights}","size":1000}}]}}"#
    );
    std::fs::write(dir.join("8b"), manifest).unwrap();
}

fn journal(host: &Host, name: &str, generator: &Generator) {
    let path = host.path(&format!("journal/{name}.journal"));
    write_journal(&path, generator.entries.clone()).unwrap();
}

/// Tags in the order asked for → the columns after the time, of each row.
pub(crate) fn rows(
    server: &Influxd1,
    query: &str,
    tags: &[&str],
) -> Vec<(Vec<String>, Vec<Value>)> {
    let answer = server.influxql(query);
    let series = answer["results"][0]["series"].as_array();
    let rows = series.into_iter().flatten().flat_map(|series| {
        let values: Vec<String> = tags
            .iter()
            .map(|tag| series["tags"][tag].as_str().unwrap().to_owned())
            .collect();
        let rows = series["values"].as_array().unwrap().iter();
        rows.map(move |row| (values.clone(), row.as_array().unwrap()[1..].to_vec()))
    });
    rows.collect()
}

/// Count and sum of a field by tags.
fn sums(
    server: &Influxd1,
    measurement: &str,
    field: &str,
    tags: &[&str],
) -> BTreeMap<Vec<String>, (f64, f64)> {
    let query = format!(
        "SELECT count({field}), sum({field}) FROM {measurement} WHERE host = 'testhost' GROUP BY {}",
        tags.join(", ")
    );
    let rows = rows(server, &query, tags).into_iter();
    rows.map(|(tags, row)| (tags, (row[0].as_f64().unwrap(), row[1].as_f64().unwrap())))
        .collect()
}

/// What the server knows, in the generator's words.
fn stored(server: &Influxd1) -> Known {
    Known {
        requests: sums(
            server,
            "ollama_requests",
            "latency_ms",
            &["method", "route", "status"],
        ),
        events: sums(server, "ollama_events", "occurred", &["kind"]),
        memory: sums(server, "ollama_memory", "bytes", &["device", "part"]),
        tokens: sums(server, "ollama_tokens", "tokens", &["phase"]),
        lines: server.count("ollama_logs"),
    }
}

/// A log of everything that the generator knows.
pub(crate) fn day() -> Generator {
    let mut day = Generator::default();
    day.start();
    day.noise();
    day.load();
    day.load_done();
    day.busy(600);
    day.trouble();
    day
}

#[test]
fn influxdb_counts_and_sums_what_the_log_says_and_sending_it_again_changes_nothing() {
    let server = server();
    let host = host(&server);
    let day = day();
    journal(&host, "system", &day);
    host.succeed("run --once");
    assert_eq!(stored(&server), day.known);
    let query = "SELECT model, model_sha256, seconds FROM ollama_events WHERE kind = 'load_done'";
    let done = rows(&server, query, &[]);
    assert_eq!(done.len(), 1, "{done:?}");
    assert_eq!(
        done[0].1,
        ["llama3:8b".into(), SHA.into(), Value::from(2.5)]
    );
    let models =
        "SELECT sha256, size, manifests_path FROM ollama_model_inventory GROUP BY model_name";
    let models = rows(&server, models, &["model_name"]);
    let path = "manifests/registry.ollama.ai/library/llama3/8b";
    assert_eq!(
        models,
        [(
            vec!["llama3:8b".to_owned()],
            vec![SHA.into(), 1030.into(), path.into()]
        )]
    );

    host.succeed("replay");
    host.succeed("run --once");
    assert_eq!(stored(&server), day.known, "after a replay");
    // A host without memory reads the same journal: the same points.
    std::fs::remove_dir_all(host.path("spool")).unwrap();
    host.succeed("run --once");
    assert_eq!(stored(&server), day.known, "after the spool was lost");
    assert_eq!(host.ledger("quarantined"), 0);
}

#[test]
fn a_restart_between_the_lines_of_one_load_changes_no_point() {
    let server = server();
    let host = host(&server);
    let mut first = Generator::default();
    first.start();
    first.load();
    journal(&host, "first", &first);
    host.succeed("run --once");
    let mut second = Generator::default();
    second.later(2_560_000);
    second.load_done();
    journal(&host, "second", &second);
    host.succeed("run --once");
    first.known.lines += 1;
    assert_eq!(stored(&server), first.known);
}

#[test]
fn models_that_come_go_and_change_are_events_across_a_restart() {
    let server = server();
    let host = host(&server);
    journal(&host, "system", &day());
    model(&host, "mistral", "aa");
    model(&host, "gone", "bb");
    model(&host, "gone_too", "dd");
    host.succeed("run --once");
    model(&host, "mistral", "ee");
    model(&host, "new", "ff");
    for name in ["gone", "gone_too"] {
        let dir = format!("models/manifests/registry.ollama.ai/library/{name}");
        std::fs::remove_dir_all(host.path(&dir)).unwrap();
    }
    host.succeed("run --once");
    let query = "SELECT model FROM ollama_events WHERE kind =~ /^model_(added|changed|removed)$/ GROUP BY kind";
    let mut found: Vec<_> = rows(&server, query, &["kind"])
        .into_iter()
        .map(|(tags, row)| format!("{} {}", tags[0], row[0].as_str().unwrap()))
        .collect();
    found.sort();
    let expected = [
        "model_added new:8b",
        "model_changed mistral:8b",
        "model_removed gone:8b",
        "model_removed gone_too:8b",
    ];
    assert_eq!(found, expected);
}

#[test]
fn switched_off_only_the_two_measurements_of_the_original_leave_the_host() {
    let server = server();
    let mut host = host(&server);
    journal(&host, "system", &day());
    host.set("SHIPPER_INSIGHT", "off");
    host.succeed("run --once");
    let names: Vec<_> = rows(&server, "SHOW MEASUREMENTS", &[]);
    let answer = server.influxql("SHOW MEASUREMENTS");
    assert_eq!(names.len(), 2, "{answer}");
    let text = answer.to_string();
    assert!(
        text.contains("ollama_logs") && text.contains("ollama_models_inventory"),
        "{text}"
    );
    assert_eq!(server.count("ollama_logs"), day().known.lines);
    let exported = host.succeed("spool export");
    assert!(!exported.contains("ollama_requests"));
}

/// What a line becomes is decided when it is read.
#[test]
fn switched_off_later_points_that_were_derived_go_with_their_lines() {
    let server = server();
    let mut host = host(&server);
    journal(&host, "system", &day());
    let nobody = Endpoint::start().unwrap();
    nobody.set_down(true);
    host.set("INFLUXDB_URL", &nobody.url());
    let running = host.start("run");
    host.until("all is spooled", |stats| {
        stats["spool"]["ledger"]["pending"].as_u64() > Some(day().known.lines)
    });
    let understood = host.stats()["service"]["reader"]["understood"].clone();
    assert_eq!(understood["kinds"]["request"], 600, "{understood}");
    assert_eq!(understood["kinds"]["load_done"], 1, "{understood}");
    running.terminate();
    host.set("INFLUXDB_URL", &server.url());
    host.set("SHIPPER_INSIGHT", "off");
    host.succeed("run --once");
    assert_eq!(server.count("ollama_logs"), day().known.lines);
    assert_eq!(server.count("ollama_requests"), 600);
}

#[test]
fn a_field_of_another_type_on_the_server_keeps_no_line_from_being_delivered() {
    let server = server();
    let host = host(&server);
    // A type holds within a shard: it must be the one that the lines go to.
    let conflict = format!("ollama_requests,host=x latency_ms=\"text\" {BEGIN}000\n");
    server.write(&conflict).unwrap();
    let day = day();
    journal(&host, "system", &day);
    let output = host.run("run --once");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    assert!(
        log.contains("takes the log lines and refuses points derived from them"),
        "{log}"
    );
    assert!(log.contains("latency_ms"), "{log}");
    assert_eq!(server.count("ollama_logs"), day.known.lines);
    assert_eq!(
        sums(&server, "ollama_events", "occurred", &["kind"]),
        day.known.events
    );
    assert_eq!((host.ledger("pending"), host.ledger("quarantined")), (0, 0));
}

#[test]
fn the_report_says_what_the_log_says_whether_the_service_runs_or_not() {
    let endpoint = Endpoint::start().unwrap();
    let host = Host::new(&endpoint.url(), "v2", "token");
    let day = day();
    fill(&host, &day);
    let running = host.start("run");
    host.until("all is delivered", |stats| {
        stats["spool"]["ledger"]["delivered"].as_u64() > Some(day.known.lines)
    });
    let ask = || -> Value {
        let text = host.succeed("report --since 2025-09-01 --json");
        serde_json::from_str(&text).unwrap()
    };
    let live = ask();
    let page = host.path("report.html");
    host.succeed(&format!(
        "report --since 2025-09-01 --html {}",
        page.display()
    ));
    running.terminate();
    let stopped = ask();
    for report in [&live, &stopped] {
        assert_eq!(report["lines"], day.known.lines);
        let rows = report["requests"].as_array().unwrap().iter();
        let requests: BTreeMap<_, _> = rows
            .map(|row| {
                let status = row["status"].to_string();
                let name = |key: &str| row[key].as_str().unwrap().to_owned();
                (
                    vec![name("method"), name("route"), status],
                    row["count"].as_f64().unwrap(),
                )
            })
            .collect();
        let known = day.known.requests.iter();
        let known: BTreeMap<_, _> = known
            .map(|(tags, (count, _))| (tags.clone(), *count))
            .collect();
        assert_eq!(requests, known);
        assert_eq!(report["loads"][0]["model"], "llama3:8b");
        assert_eq!(report["loads"][0]["done"], 1);
        assert_eq!(report["models"][0][0], "llama3:8b");
    }
    assert_eq!(live["requests"], stopped["requests"]);
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("<svg") && page.contains("testhost") && page.contains("llama3:8b"));
    let table = host.succeed("report --since 2025-09-01");
    assert!(
        table.contains("POST /v1/messages") && table.contains("truncation"),
        "{table}"
    );
    let nothing = host.succeed("report --since 2025-09-01 --until 2025-09-02");
    assert!(nothing.contains("holds nothing"), "{nothing}");
}
