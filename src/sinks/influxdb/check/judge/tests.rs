use super::*;
use crate::base::finding::Grade::{Fail, Pass, Warn};
use crate::sinks::influxdb::version::Spoken;

fn hold() -> Outcome {
    Outcome::Hold {
        reason: "HTTP 401: unauthorized".to_owned(),
    }
}

fn ping(status: u16, version: Option<&str>) -> Ping {
    Ping {
        status,
        spoken: Spoken::by_ping(version, ""),
        skew: None,
    }
}

#[test]
fn a_hold_names_the_keys_to_check() {
    let finding = write(&hold());
    assert_eq!(finding.grade, Fail);
    assert!(finding.fix.unwrap().contains("INFLUXDB_TOKEN"));
    assert_eq!(write(&Outcome::Delivered).grade, Pass);
}

#[test]
fn what_answers_is_named_and_something_else_in_its_place_is_told_from_it() {
    for (status, version, write, grade, words) in [
        (
            204,
            Some("v2.9.1"),
            &hold(),
            Pass,
            "InfluxDB 2.9.1 answers; it is spoken to by v2",
        ),
        (204, None, &Outcome::Delivered, Pass, "tells no version"),
        // InfluxDB Cloud with a wrong token.
        (204, None, &hold(), Pass, "tells no version"),
        (200, None, &hold(), Fail, "not an answer of InfluxDB"),
        (404, None, &Outcome::Delivered, Warn, "HTTP 404 to /ping"),
        (401, None, &hold(), Fail, "another token"),
        (404, None, &hold(), Fail, "not an answer of InfluxDB"),
        (302, None, &hold(), Fail, "not an answer of InfluxDB"),
    ] {
        let finding = server(&ping(status, version), write);
        assert_eq!(finding.grade, grade, "{finding:?}");
        assert!(finding.found.contains(words), "{finding:?}");
        assert_eq!(finding.fix.is_none(), grade == Pass);
    }
}

#[test]
fn a_token_that_may_not_read_is_a_warning_only() {
    assert_eq!(read(Api::V3, None).grade, Pass);
    let forbidden = "HTTP 403: forbidden".to_owned();
    assert_eq!(read(Api::V3, Some(&forbidden)).grade, Warn);
    // To be made by the first write on 3.x, and nowhere else.
    let missing = "HTTP 404: database not found: logs".to_owned();
    assert_eq!(read(Api::V3, Some(&missing)).grade, Pass);
    assert_eq!(read(Api::V1, Some(&missing)).grade, Warn);
    // What 2.x says to a token that may not read.
    let hidden = "HTTP 404: could not find bucket \"logs\"".to_owned();
    assert_eq!(read(Api::V2, Some(&hidden)).grade, Warn);
}

#[test]
fn a_bucket_is_there_or_is_created_or_is_missing() {
    let missing = || Err("HTTP 404: could not find bucket \"logs\"".to_owned());
    let none_yet = || Err("HTTP 404: query error: database not found: logs".to_owned());
    let forbidden = || Err("HTTP 403: no".to_owned());
    let names =
        |names: &[&str]| -> Vec<String> { names.iter().map(|&name| name.to_owned()).collect() };
    let five = names(&["a", "b", "c", "d", "e"]);
    let own = names(&["logs", "b", "c", "d", "e"]);
    let none = names(&[]);
    let there = Ok(HashThere::default());
    for (api, outcome, there, databases, grade, words) in [
        (Api::V1, Outcome::Delivered, &there, None, Pass, "exists"),
        (
            Api::V2,
            Outcome::Delivered,
            &forbidden(),
            None,
            Pass,
            "exists",
        ),
        (Api::V2, hold(), &missing(), None, Fail, "could not find"),
        (Api::V2, hold(), &forbidden(), None, Warn, "cannot tell"),
        (
            Api::V3,
            Outcome::Delivered,
            &none_yet(),
            None,
            Pass,
            "creates",
        ),
        (
            Api::V3,
            Outcome::Delivered,
            &none_yet(),
            Some(&none),
            Pass,
            "creates",
        ),
        (
            Api::V3,
            Outcome::Delivered,
            &none_yet(),
            Some(&five),
            Warn,
            "5 databases",
        ),
        (
            Api::V3,
            Outcome::Delivered,
            &forbidden(),
            Some(&own),
            Pass,
            "exists",
        ),
        (
            Api::V3,
            Outcome::Delivered,
            &forbidden(),
            None,
            Pass,
            "if it is not there",
        ),
        (Api::V3, hold(), &forbidden(), None, Warn, "cannot tell"),
    ] {
        let databases = databases.map(Vec::as_slice);
        let finding = bucket("logs", api, &outcome, there, databases);
        assert_eq!(finding.grade, grade, "{api:?} {finding:?}");
        assert!(finding.found.contains(words), "{finding:?}");
    }
}

#[test]
fn an_api_that_is_not_the_servers_own_is_named_with_the_key() {
    let found = |version, api, write: &Outcome| {
        let mut ping = ping(204, Some(version));
        ping.spoken.api = api;
        server(&ping, write)
    };
    for (version, api) in [
        ("1.6.7", Api::V3),
        ("v2.9.1", Api::V1),
        ("v2.9.1", Api::V3),
        ("3.6.0", Api::V1),
    ] {
        let finding = found(version, api, &hold());
        assert_eq!(finding.grade, Warn, "{finding:?}");
        assert!(finding.fix.unwrap().contains("INFLUXDB_API"));
    }
    // By a mapping of databases, and by what 1.8 has of v2.
    for (version, api) in [("v2.9.1", Api::V1), ("1.8.10", Api::V2)] {
        assert_eq!(found(version, api, &Outcome::Delivered).grade, Pass);
    }
    assert_eq!(found("3.6.0", Api::V2, &Outcome::Delivered).grade, Warn);
}
