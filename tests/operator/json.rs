//! `--json` of every command has the form that the documents promise, with a running service and without.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use support::endpoint::Endpoint;
use support::influxd::{Influxd1, Server as _, Settings};
use support::journal::{Entry, write_journal};

use crate::common::Host;
use crate::quarantine::{host_with_poison, poisoned};

/// The types that each field has.
type Form = BTreeMap<String, BTreeSet<String>>;

/// Adds the form of `value`. Elements of an array are alike.
fn add_form(path: &str, value: &Value, form: &mut Form) {
    let name = match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                add_form(&format!("{path}{dot}{name}"), value, form);
            }
            return;
        }
        Value::Array(elements) => {
            assert!(!elements.is_empty(), "{path}[] shows no element");
            let mut names = elements.iter().map(|element| {
                let object = element.as_object().expect("objects");
                object.keys().collect::<Vec<_>>()
            });
            let first = names.next();
            assert!(names.all(|names| Some(&names) == first.as_ref()));
            for element in elements {
                add_form(&format!("{path}[]"), element, form);
            }
            return;
        }
        Value::String(_) => "string",
        Value::Number(_) => "number",
        Value::Bool(_) => "boolean",
        Value::Null => "null",
    };
    let types = form.entry(path.to_owned()).or_default();
    types.insert(name.to_owned());
}

/// What `docs/json.md` says of a command.
fn documented(command: &str) -> Form {
    let text = include_str!("../../docs/json.md");
    let heading = format!("\n## `{command}`\n");
    let (_, section) = text
        .split_once(&heading)
        .unwrap_or_else(|| panic!("{command} is not documented"));
    let section = section.split("\n## ").next().unwrap();
    let row = |line: &str| {
        let (field, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
        let (types, _) = rest.split_once(" |")?;
        let types = types.split(" or ").map(str::to_owned).collect();
        Some((field.to_owned(), types))
    };
    section.lines().filter_map(row).collect()
}

/// Runs `arguments` with `--json` and holds the answer to what is documented of `command`.
pub(crate) fn check(host: &Host, command: &str, arguments: &str) -> Value {
    let output = host.run(&format!("{arguments} --json"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        matches!(output.status.code(), Some(0 | 3)),
        "{arguments}: {} {errors}",
        output.status
    );
    let answer = serde_json::from_slice(&output.stdout).unwrap();
    let mut form = Form::new();
    // Within an array each element has the same path: its form is that of `[]`.
    add_form("", &answer, &mut form);
    let documented = documented(command);
    let names = |form: &Form| form.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&form), names(&documented), "{arguments}: {answer}");
    for (field, types) in form {
        assert!(
            types.is_subset(&documented[&field]),
            "{arguments}: {field} is {types:?}"
        );
    }
    answer
}

#[test]
fn json_of_every_command_is_as_documented_with_and_without_a_service() {
    for running in [true, false] {
        let endpoint = Endpoint::start().unwrap();
        let host = host_with_poison(&endpoint);
        let service = poisoned(&host, running);
        let listed = check(&host, "spool ls", "spool ls --limit 0");
        assert_eq!(listed.as_array().unwrap().len(), 5);
        let refused = check(&host, "spool ls", "quarantine ls");
        let hash = refused[0]["hash"].as_str().unwrap();
        check(&host, "spool show", &format!("spool show {hash}"));
        check(&host, "spool show", &format!("quarantine show {hash}"));
        check(&host, "spool verify", "spool verify");
        check(&host, "replay", "replay --dry-run");
        check(&host, "replay", "replay --quarantined --dry-run");
        check(&host, "backfill", "backfill --since 2000-01-01");
        let findings = check(&host, "doctor", "doctor");
        let fixes = findings.as_array().unwrap().iter();
        assert!(fixes.clone().any(|finding| !finding["fix"].is_null()));
        let status = host.run("status --json");
        assert_eq!(status.status.code(), Some(3), "something was refused");
        let mut now: Value = serde_json::from_slice(&status.stdout).unwrap();
        let mut later = host.stats();
        for stats in [&mut now, &mut later] {
            assert_eq!(stats["service"].is_null(), !running);
            assert_eq!(stats["spool"]["ledger"]["quarantined"], 2);
        }
        let forms = [now, later].map(|stats| {
            let mut form = Form::new();
            add_form("", &stats, &mut form);
            form.into_keys().collect::<Vec<_>>()
        });
        assert_eq!(forms[0], forms[1], "status and spool stats say the same");
        check(&host, "quarantine drop", "quarantine drop --all");
        drop(service);
    }
}

#[test]
fn json_of_the_gaps_names_the_hours_that_fall_short() {
    let server = Influxd1::start(Settings::default()).unwrap();
    let mut host = Host::new(&server.url(), "v1", &server.token());
    host.set("INFLUXDB_BUCKET", &server.bucket());
    std::fs::create_dir_all(host.path("journal")).unwrap();
    let hour_ago = crate::now() - 3_600_000_000;
    let entries = (0..3).map(|n| Entry::line(hour_ago + n, format!("line {n}")));
    write_journal(&host.path("journal/system.journal"), entries).unwrap();
    host.succeed("run --once");
    let whole = host.succeed("replay --gaps --dry-run --json");
    assert_eq!(
        serde_json::from_str::<Value>(&whole).unwrap(),
        Value::Array(vec![])
    );
    server.influxql("DROP SERIES FROM ollama_logs");
    let short = check(&host, "replay --gaps", "replay --gaps --dry-run");
    assert_eq!(
        (&short[0]["delivered"], &short[0]["stored"]),
        (&3.into(), &0.into())
    );
    assert_eq!(short[0]["unjudged"], Value::Null);
    server.influxql("ALTER RETENTION POLICY autogen ON logs DURATION 1h SHARD DURATION 1h");
    let too_old = check(&host, "replay --gaps", "replay --gaps --dry-run");
    assert_eq!(too_old[0]["unjudged"], "beyond_retention");
    let told = host.succeed("replay --gaps --dry-run");
    assert!(
        told.contains("cannot be judged: InfluxDB keeps 1 h, and has 0 of 3")
            && told.contains("0 delivered entries would be sent again"),
        "{told}"
    );
}
