//! Prometheus text and the health check, read by a parser that is not ours.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use prometheus_parse::{Scrape, Value};
use support::endpoint::Endpoint;
use support::journal::busy;

use crate::common::{Host, Running};
use crate::host;

fn get(port: u16, path: &str) -> String {
    let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    write!(
        client,
        "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}

/// A service that has delivered 25 entries and a snapshot.
fn service(endpoint: &Endpoint) -> (Host, Running, u16) {
    let mut host = host(endpoint, busy(25));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    host.set("SHIPPER_METRICS_LISTEN", &format!("127.0.0.1:{port}"));
    let running = host.start("run");
    host.until("all is delivered", |stats| {
        stats["spool"]["ledger"]["delivered"] == 26
    });
    (host, running, port)
}

fn scrape(port: u16) -> (String, Scrape) {
    let answer = get(port, "/metrics");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let lines = body.lines().map(|line| Ok(line.to_owned()));
    (body.to_owned(), Scrape::parse(lines).unwrap())
}

#[test]
fn metrics_and_healthz_tell_how_things_stand() {
    let endpoint = Endpoint::start().unwrap();
    let (host, running, port) = service(&endpoint);
    let value = |name: &str| {
        let samples = scrape(port).1.samples;
        let sample = samples.iter().find(|sample| sample.metric == name);
        sample
            .unwrap_or_else(|| panic!("{name} is missing"))
            .value
            .clone()
    };
    assert_eq!(value("shipper_entries_read_total"), Value::Counter(26.0));
    assert_eq!(value("shipper_entries_pending"), Value::Gauge(0.0));
    assert_eq!(value("shipper_influxdb_up"), Value::Gauge(1.0));
    assert!(get(port, "/healthz").starts_with("HTTP/1.1 200"));
    assert!(get(port, "/other").starts_with("HTTP/1.1 404"));

    endpoint.set_down(true);
    host.succeed("replay --since 3650d");
    host.until("the outage is noticed", |stats| {
        !stats["service"]["forwarder"]["outage_since"].is_null()
    });
    assert_eq!(value("shipper_influxdb_up"), Value::Gauge(0.0));
    assert_eq!(value("shipper_outages_total"), Value::Counter(1.0));
    // The shipper does its part: starting it again would fix nothing.
    let health = get(port, "/healthz");
    assert!(
        health.starts_with("HTTP/1.1 200") && health.contains("unreachable"),
        "{health}"
    );
    running.terminate();
}

/// <https://prometheus.io/docs/practices/naming/>: a prefix, base units as suffixes, `_total` for what only grows.
#[test]
fn names_of_metrics_follow_the_conventions_and_each_has_help_and_type() {
    const NOT_BASE_UNITS: [&str; 9] = [
        "ms",
        "us",
        "milliseconds",
        "microseconds",
        "minutes",
        "hours",
        "kb",
        "mib",
        "percent",
    ];
    let endpoint = Endpoint::start().unwrap();
    let (_host, running, port) = service(&endpoint);
    let (text, scrape) = scrape(port);
    running.terminate();
    assert!(scrape.samples.len() > 25, "{text}");
    for sample in &scrape.samples {
        let name = sample.metric.as_str();
        let family = name
            .strip_suffix("_sum")
            .or(name.strip_suffix("_count"))
            .unwrap_or(name);
        let words: Vec<_> = family.split('_').collect();
        assert_eq!(words[0], "shipper", "{name}");
        assert!(
            words
                .iter()
                .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase())),
            "{name}"
        );
        assert!(
            words.iter().all(|word| !NOT_BASE_UNITS.contains(word)),
            "{name}"
        );
        let grows = matches!(sample.value, Value::Counter(_));
        assert_eq!(family.ends_with("_total"), grows, "{name}");
        // A unit stands last, before `_total`.
        let base = family.strip_suffix("_total").unwrap_or(family);
        for unit in ["bytes", "seconds"] {
            assert_eq!(words.contains(&unit), base.ends_with(unit), "{name}");
        }
        let help = scrape
            .docs
            .get(family)
            .unwrap_or_else(|| panic!("{name} has no help"));
        assert!(help.len() > 9 && help.ends_with('.'), "{name}: {help}");
        assert!(text.contains(&format!("# TYPE {family} ")), "{name}");
    }
}
