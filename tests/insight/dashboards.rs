//! The dashboards ask only for what the shipper writes, and for numbers, never for the text of messages.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use ::support::influxd::{Influxd2, Server as _};
use serde_json::Value;
use shipper::counters::table::SHIPPER;
use shipper::record::layout::{Layout, LogFields, MsgHashAs};
use shipper::record::schema::{self, FieldType, Measurement};
use shipper::record::{Kind, Method, Part, Phase, Route};
use shipper::record::{Record, Report};
use spool::{Options, Records, Spool};

use crate::common::Host;
use crate::whole_way::{day, fill};

/// Columns that every table of Flux has, or that a query makes itself.
const COLUMNS: &[&str] = &[
    "_measurement",
    "_field",
    "_value",
    "_time",
    "host",
    "quantile",
];
/// Other texts that Flux takes in quotes.
const WORDS: &[&str] = &["influxdata/influxdb/schema", "p50", "p95"];

struct Query {
    place: String,
    text: String,
}

/// All queries of panels and variables.
fn queries() -> Vec<Query> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/grafana/dashboards");
    let mut queries = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let dashboard: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        collect(&dashboard, &name, &mut queries);
    }
    queries
}

fn collect(value: &Value, place: &str, queries: &mut Vec<Query>) {
    match value {
        Value::Object(fields) => {
            let title = fields
                .get("title")
                .or_else(|| fields.get("name"))
                .and_then(Value::as_str);
            let place = title.map_or_else(|| place.to_owned(), |title| format!("{place}: {title}"));
            for (key, value) in fields {
                match value.as_str() {
                    Some(text) if key == "query" && text != "influxdb" => {
                        queries.push(Query {
                            place: place.clone(),
                            text: text.to_owned(),
                        });
                    }
                    _ => collect(value, &place, queries),
                }
            }
        }
        Value::Array(values) => values
            .iter()
            .for_each(|value| collect(value, place, queries)),
        _ => {}
    }
}

/// What stands in double quotes.
fn literals(query: &str) -> Vec<&str> {
    query.split('"').skip(1).step_by(2).collect()
}

/// The names after `r.`.
fn columns(query: &str) -> Vec<&str> {
    query
        .split("r.")
        .skip(1)
        .map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            &rest[..end.unwrap_or(rest.len())]
        })
        .collect()
}

/// Every measurement that reaches InfluxDB.
fn measurements() -> impl Iterator<Item = Measurement> {
    schema::ALL.iter().copied().chain([SHIPPER])
}

fn measurement_of(query: &Query) -> Measurement {
    let named: Vec<_> = measurements()
        .filter(|measurement| literals(&query.text).contains(&measurement.name))
        .collect();
    let [measurement] = named[..] else {
        panic!(
            "{}: {} measurements in\n{}",
            query.place,
            named.len(),
            query.text
        );
    };
    measurement
}

/// Values that tags may have: those that are in the code.
fn tag_values() -> BTreeSet<String> {
    let kinds = Kind::ALL.iter().map(|kind| kind.name());
    let parts = Part::ALL.iter().map(|part| part.name());
    let phases = [Phase::Prompt, Phase::Generation].map(Phase::name);
    let routes = Route::ALL.iter().map(|route| route.name());
    let methods = Method::ALL.iter().map(|method| method.name());
    let names = kinds
        .chain(parts)
        .chain(phases)
        .chain(routes)
        .chain(methods);
    names
        .map(str::to_owned)
        .chain((100..600).map(|status: u16| status.to_string()))
        .collect()
}

#[test]
fn every_query_names_only_what_the_shipper_writes() {
    let queries = queries();
    assert!(queries.len() > 20, "{}", queries.len());
    let values = tag_values();
    for query in &queries {
        let measurement = measurement_of(query);
        let own = |name: &str| {
            measurement.tags.contains(&name)
                || measurement.fields.iter().any(|(field, _)| *field == name)
                || COLUMNS.contains(&name)
        };
        for name in columns(&query.text) {
            assert!(
                own(name),
                "{}: no column {name} in\n{}",
                query.place,
                query.text
            );
        }
        for text in literals(&query.text) {
            let known = own(text)
                || text == measurement.name
                || values.contains(text)
                || WORDS.contains(&text);
            assert!(
                known,
                "{}: nothing is called {text:?} in\n{}",
                query.place, query.text
            );
        }
    }
}

#[test]
fn no_query_reads_the_text_of_messages() {
    for query in queries() {
        let measurement = measurement_of(&query).name;
        let text = [schema::LOGS.name, schema::SNAPSHOTS.name].contains(&measurement);
        assert!(!text && !query.text.contains("strings"), "{}", query.place);
    }
}

#[test]
fn every_panel_is_for_the_hosts_that_are_chosen() {
    for query in queries() {
        let of_panel = !query.text.contains("influxdata/influxdb/schema");
        assert!(
            !of_panel || query.text.contains("r.host =~ /^${host:regex}$/"),
            "{}",
            query.place
        );
    }
}

#[test]
fn every_measurement_of_insight_and_the_shipper_is_on_a_dashboard() {
    let shown: BTreeSet<_> = queries()
        .iter()
        .map(|query| measurement_of(query).name)
        .collect();
    let expected = measurements().map(|measurement| measurement.name);
    let expected =
        expected.filter(|name| ![schema::LOGS.name, schema::SNAPSHOTS.name].contains(name));
    assert_eq!(shown, expected.collect());
}

/// What the shipper reports on itself, every field of it, into the spool of `host`.
fn put_reports(host: &Host) {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap();
    let now = u64::try_from(now.as_micros()).unwrap();
    let (mut spool, _) = Spool::open(&host.path("spool"), Options::default()).unwrap();
    for minute in 1..=3 {
        let time = now - minute * 60_000_000;
        let mut report = Report {
            version: Cow::Borrowed("1.2.3"),
            ..Report::default()
        };
        for (name, of) in SHIPPER.fields {
            match of {
                FieldType::Text => report.texts.push(((*name).into(), "text".into())),
                _ => report.numbers.push(((*name).into(), 1)),
            }
        }
        let mut records = Records::new();
        let layout = Layout {
            host: "testhost".to_owned(),
            msg_hash_as: MsgHashAs::Tag,
            log_fields: LogFields::default(),
        };
        records.set_layout(&layout.encode());
        let record = Record::Report(report);
        records
            .push_with(Report::key(time), |payload| record.encode(payload))
            .unwrap();
        spool.append(&records, "journal", None).unwrap();
    }
}

/// As Grafana would send it.
fn with_variables(query: &str) -> String {
    let variables = [
        ("v.defaultBucket", "\"logs\""),
        ("v.timeRangeStart", "2025-09-01T00:00:00Z"),
        ("v.timeRangeStop", "now()"),
        ("v.windowPeriod", "1m"),
        ("${host:regex}", "testhost"),
        ("${model:regex}", ".*"),
    ];
    let fill = |query: String, (name, value): (&str, &str)| query.replace(name, value);
    let query = variables.into_iter().fold(query.to_owned(), fill);
    assert!(!query.contains("${") && !query.contains("v."), "{query}");
    query
}

#[test]
fn every_query_finds_rows_on_a_real_server_that_was_filled_through_the_shipper() {
    let Some(server) = Influxd2::start() else {
        ::support::loud(
            "SKIPPED on InfluxDB 2.x: set INFLUXDB2_URL, INFLUXDB2_TOKEN and INFLUXDB2_ORG, or INFLUXD2 to an influxd 2.x binary, to run the dashboards' queries",
        );
        return;
    };
    let server = server.unwrap();
    let mut host = Host::new(&server.url(), server.api(), &server.token());
    host.set("INFLUXDB_ORG", &server.org());
    host.set("INFLUXDB_BUCKET", &server.bucket());
    fill(&host, &day());
    put_reports(&host);
    host.succeed("run --once");
    for query in queries() {
        let bucket = format!("{:?}", server.bucket());
        let asked = with_variables(&query.text).replace("\"logs\"", &bucket);
        let rows = server.flux(&asked, &["result"]);
        assert!(
            !rows.is_empty(),
            "{}: no rows for\n{}",
            query.place,
            query.text
        );
    }
}

#[test]
fn every_variable_of_every_query_has_a_value_here() {
    for query in queries() {
        with_variables(&query.text);
    }
}
