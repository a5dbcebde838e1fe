//! The dashboards ask only for what the shipper writes, and for numbers; the text of messages is for the dashboard of lines alone,
//! by queries that are fast with one series a line.

mod queries;
mod timeline;

use std::borrow::Cow;
use std::collections::BTreeSet;

use ::support::influxd::{Influxd1, Influxd2, Server, Settings};
use ::support::ollama::{FakeOllama, LoadedFake, OllamaRelease};
use shipper::counters::table::SHIPPER;
use shipper::record::layout::{Layout, LogFields, MsgHashAs};
use shipper::record::schema::{self, FieldType, Measurement};
use shipper::record::{Kind, Method, Part, Phase, Route};
use shipper::record::{Record, Report};
use spool::{Options, Records, Spool};

use self::queries::{Query, columns, literals, queries};
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
    let phases = Phase::ALL.iter().map(|phase| phase.name());
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
fn no_query_but_those_of_the_dashboard_of_lines_reads_the_text_of_messages() {
    for query in queries() {
        let measurement = measurement_of(&query).name;
        let text = [schema::LOGS.name, schema::SNAPSHOTS.name].contains(&measurement);
        let of_lines = query.place.starts_with("lines.json: ");
        assert!(
            of_lines || !text && !query.text.contains("strings"),
            "{}",
            query.place
        );
    }
}

/// Those that docs/cardinality.md calls fast: they end at the hundredth line, or ask the index alone.
#[test]
fn every_query_for_lines_is_one_that_is_fast_with_one_series_a_line() {
    let of_lines = queries()
        .into_iter()
        .filter(|query| measurement_of(query).name == schema::LOGS.name);
    let mut seen = 0;
    for query in of_lines {
        let newest = query.text.starts_with("SELECT ")
            && query.text.ends_with(" ORDER BY time DESC LIMIT 100");
        let grouped = query.text.contains("GROUP BY") || query.text.contains("count(");
        assert!(
            newest && !grouped || query.text.starts_with("SHOW TAG VALUES "),
            "{}: slow with one series a line:\n{}",
            query.place,
            query.text
        );
        seen += 1;
    }
    assert!(seen > 2, "{seen}");
}

#[test]
fn every_panel_is_for_the_hosts_and_the_time_that_are_chosen() {
    for query in queries().iter().filter(|query| !query.is_of_variable()) {
        let (hosts, time) = if query.is_influxql() {
            ("\"host\" =~ /^${host:regex}$/", "$timeFilter")
        } else {
            ("r.host =~ /^${host:regex}$/", "v.timeRangeStart")
        };
        assert!(
            query.text.contains(hosts) && query.text.contains(time),
            "{}",
            query.place
        );
    }
}

#[test]
fn every_measurement_but_the_whole_snapshots_is_on_a_dashboard() {
    let shown: BTreeSet<_> = queries()
        .iter()
        .map(|query| measurement_of(query).name)
        .collect();
    let expected = measurements().map(|measurement| measurement.name);
    let expected = expected.filter(|name| *name != schema::SNAPSHOTS.name);
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

/// Gives the server a day of Ollama's, and what the shipper says of itself.
fn fill_through_shipper(server: &impl Server) {
    let mut host = Host::new(&server.url(), server.api(), &server.token());
    host.set("INFLUXDB_ORG", &server.org());
    host.set("INFLUXDB_BUCKET", &server.bucket());
    let ollama = FakeOllama::start(OllamaRelease::default()).unwrap();
    ollama.set_loaded(vec![LoadedFake::of("llama3:8b", 6, 5)]);
    host.set("SHIPPER_OLLAMA_URL", &ollama.url());
    fill(&host, &day());
    put_reports(&host);
    host.succeed("run --once");
}

/// As Grafana would send it.
fn with_variables(query: &str) -> String {
    let variables = [
        ("v.defaultBucket", "\"logs\""),
        ("v.timeRangeStart", "2025-09-01T00:00:00Z"),
        ("v.timeRangeStop", "now()"),
        ("v.windowPeriod", "1m"),
        ("$__interval", "1m"),
        ("${host:regex}", "testhost"),
        ("${model:regex}", ".*"),
        ("${text:regex}", "LISTENING ON"),
        (
            "$timeFilter",
            "time >= '2025-09-01T00:00:00Z' AND time < now()",
        ),
    ];
    let fill = |query: String, (name, value): (&str, &str)| query.replace(name, value);
    let query = variables.into_iter().fold(query.to_owned(), fill);
    assert!(
        !query.contains("${")
            && !query.contains("v.")
            && !query.contains("$time")
            && !query.contains("$__"),
        "{query}"
    );
    query
}

#[test]
fn every_query_of_flux_finds_rows_on_a_real_server_that_was_filled_through_the_shipper() {
    let Some(server) = Influxd2::start() else {
        ::support::loud(
            "SKIPPED on InfluxDB 2.x: set INFLUXDB2_URL, INFLUXDB2_TOKEN and INFLUXDB2_ORG, or INFLUXD2 to an influxd 2.x binary, to run the dashboards' queries",
        );
        return;
    };
    let server = server.unwrap();
    fill_through_shipper(&server);
    for query in queries().iter().filter(|query| !query.is_influxql()) {
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
fn every_query_of_influxql_finds_rows_on_a_real_server_newest_first_where_it_says_so() {
    let server = Influxd1::start(Settings::default()).unwrap();
    fill_through_shipper(&server);
    for query in queries().iter().filter(|query| query.is_influxql()) {
        let answer = server.influxql(&with_variables(&query.text));
        let rows = answer["results"][0]["series"][0]["values"].as_array();
        let Some(rows) = rows else {
            panic!("{}: no rows for\n{}", query.place, query.text);
        };
        if query.text.contains("ORDER BY time DESC") {
            let times: Vec<_> = rows.iter().map(|row| row[0].as_i64().unwrap()).collect();
            assert!(
                times.is_sorted_by(|a, b| a >= b),
                "{}: {times:?}",
                query.place
            );
            assert!(
                rows.iter()
                    .all(|row| row[1].is_string() && row[2] == "testhost")
            );
        }
    }
}

#[test]
fn every_variable_of_every_query_has_a_value_here() {
    for query in queries() {
        with_variables(&query.text);
    }
}
