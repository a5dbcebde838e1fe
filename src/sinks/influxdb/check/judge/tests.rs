use super::*;
use crate::base::finding::Grade::{self, Fail, Pass, Warn};

const DAY: Duration = Duration::from_secs(86_400);

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
fn a_backlog_older_than_the_retention_is_a_failure_and_a_first_run_that_reads_further_back_a_warning()
 {
    let grade = |keeps, waiting| retention(Api::V2, Ok(keeps), waiting, DAY).grade;
    let oldest = |days: u32| Backlogged::Oldest(days * DAY);
    assert_eq!(grade(None, oldest(400)), Pass);
    assert_eq!(grade(Some(30 * DAY), oldest(1)), Pass);
    assert_eq!(grade(Some(30 * DAY), oldest(16)), Warn);
    assert_eq!(grade(Some(30 * DAY), oldest(31)), Fail);
    assert_eq!(grade(Some(DAY / 24), Backlogged::NothingReadYet), Warn);
    assert_eq!(grade(Some(DAY), Backlogged::NothingReadYet), Pass);
    let hidden = retention(Api::V3, Ok(Some(DAY)), oldest(2), DAY);
    assert!(hidden.fix.unwrap().contains("hidden"));
    let unknown = retention(Api::V2, Err("no".to_owned()), oldest(0), DAY);
    assert_eq!(unknown.grade, Warn);
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
fn a_hash_that_lies_there_as_the_other_kind_is_said_and_on_3_x_a_failure() {
    let both = HashThere {
        tag: true,
        field: true,
    };
    for (api, form, there, grade) in [
        (Api::V1, MsgHashAs::Tag, HashThere::default(), Pass),
        (
            Api::V2,
            MsgHashAs::Tag,
            HashThere {
                tag: true,
                field: false,
            },
            Pass,
        ),
        (Api::V2, MsgHashAs::Tag, both, Warn),
        (
            Api::V1,
            MsgHashAs::Field,
            HashThere {
                tag: true,
                field: false,
            },
            Warn,
        ),
        (
            Api::V3,
            MsgHashAs::Field,
            HashThere {
                tag: true,
                field: false,
            },
            Fail,
        ),
        (
            Api::V3,
            MsgHashAs::Field,
            HashThere {
                tag: false,
                field: true,
            },
            Pass,
        ),
    ] {
        assert_eq!(
            hash(api, form, &Ok(there)).grade,
            grade,
            "{api:?} {form:?} {there:?}"
        );
    }
    let unknown = |api, words: &str| hash(api, MsgHashAs::Tag, &Err(words.to_owned()));
    assert_eq!(unknown(Api::V3, "HTTP 403: no").grade, Warn);
    let none_yet = unknown(Api::V3, "HTTP 404: database not found: logs");
    assert_eq!(none_yet.grade, Pass);
    assert!(none_yet.found.contains("no line is there"), "{none_yet:?}");
}

#[test]
fn many_series_are_a_warning_with_what_helps_on_that_version() {
    let grade = |api, form, series| cardinality(api, form, Ok(series)).grade;
    for (api, form, series, expected) in [
        (Api::V1, MsgHashAs::Tag, 49_999, Pass),
        (Api::V1, MsgHashAs::Tag, 50_000, Warn),
        (Api::V1, MsgHashAs::Field, 1_000_000, Pass),
        (Api::V2, MsgHashAs::Tag, 99_999, Pass),
        (Api::V2, MsgHashAs::Tag, 100_000, Warn),
        (Api::V3, MsgHashAs::Tag, 10_000_000, Pass),
    ] {
        assert_eq!(
            grade(api, form, Some(series)),
            expected,
            "{api:?} {form:?} {series}"
        );
    }
    let unknown = |form| cardinality(Api::V2, form, Err("no".to_owned())).grade;
    assert_eq!(
        (unknown(MsgHashAs::Tag), unknown(MsgHashAs::Field)),
        (Warn, Pass)
    );
}

#[test]
fn what_a_version_of_3_x_cannot_take_is_said_before_a_line_shows_it() {
    let found = |version: &str, longest: usize| -> Option<(Grade, String)> {
        let finding = limits(&Spoken::by_ping(Some(version), ""), longest)?;
        Some((finding.grade, finding.found))
    };
    assert_eq!(found("1.6.7", 1_000_000), None);
    let (grade, words) = found("3.5.0", 1_000_000).unwrap();
    assert_eq!(grade, Warn);
    assert!(
        words.contains("65,536") && !words.contains("connection"),
        "{words}"
    );
    let (_, words) = found("3.6.0", 1_000_000).unwrap();
    assert!(
        words.contains("65,536") && words.contains("connection"),
        "{words}"
    );
    let (_, words) = found("3.9.3", 1_000_000).unwrap();
    assert!(
        !words.contains("65,536") && words.contains("connection"),
        "{words}"
    );
    assert_eq!(found("3.5.0", 65_536).unwrap().0, Pass);
    assert_eq!(found("3.10.0", 1_000_000).unwrap().0, Pass);
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
