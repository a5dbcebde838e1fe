use std::thread;
use std::time::{Duration, Instant};

use super::*;

#[test]
fn each_path_writes_and_makes_the_database() {
    for path in [V3, V2, V1] {
        let server = server();
        expect(&told(&server, path, "m,host=a v=1i 1"), 204, "");
        assert_eq!(stored(&server), 1, "{path}");
        let headers = format!("{}Content-Encoding: gzip\r\n", bearer(Strict3::TOKEN));
        let target = format!("POST {path}");
        let answer = asked(&server, &target, &headers, &packed("m,host=a v=1i 2")).unwrap();
        expect(&answer, 204, "");
        assert_eq!(stored(&server), 2, "{path}");
    }
}

#[test]
fn the_path_of_2_x_looks_at_no_organisation() {
    let server = server();
    let path = format!("{V2}&org=whatever");
    expect(&told(&server, &path, "m v=1 1"), 204, "");
}

#[test]
fn an_empty_body_is_refused_and_makes_the_database_all_the_same() {
    for path in [V3, V2, V1] {
        for body in ["", "\n", "# a comment\n"] {
            let server = server();
            expect(&told(&server, path, body), 400, "incoming write was empty");
            assert!(server.points("logs", |_| ()).is_some(), "{path}");
        }
    }
}

#[test]
fn v3_stores_the_good_lines_beside_a_bad_one_and_gives_its_number() {
    let server = server();
    let answer = told(&server, V3, "m v=1 1\nm v= 2\nm v=3 3");
    expect(&answer, 400, "partial write of line protocol occurred");
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body["data"][0]["line_number"], 2);
    assert_eq!(body["data"][0]["original_line"], "m v= 2");
    assert_eq!(body["data"][0]["error_message"], "No fields were provided");
    assert_eq!(stored(&server), 2);
}

#[test]
fn a_line_break_inside_a_text_does_not_count_as_a_line() {
    let server = server();
    let lines = "m text=\"one\ntwo\nthree\" 1\nm text=\"x\" y\nm text=\"four\" 3";
    let answer = told(&server, V3, lines);
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body["data"][0]["line_number"], 2);
    // The server repeats the physical line of that number.
    assert_eq!(body["data"][0]["original_line"], "two");
    assert_eq!(stored(&server), 2);
}

#[test]
fn v3_without_partial_accept_stores_nothing() {
    let server = server();
    let path = format!("{V3}&accept_partial=false");
    let answer = told(&server, &path, "m v=1 1\nm v= 2");
    expect(&answer, 400, "parsing failed for write_lp endpoint");
    assert_eq!(stored(&server), 0);
}

#[test]
fn the_probe_for_permission_to_write_creates_nothing() {
    let server = server();
    let path = format!("{V3}&accept_partial=false");
    expect(&told(&server, &path, "x"), 400, "parsing failed");
    assert!(server.points("logs", |_| ()).is_none());
    server.add_token("reader", crate::strict::Rights::ReadOnly);
    let answer = asked(&server, &format!("POST {path}"), &bearer("reader"), b"x").unwrap();
    expect(&answer, 403, "");
}

#[test]
fn the_paths_of_1_x_and_2_x_store_nothing_beside_a_bad_line_in_the_words_of_each_version() {
    let cause = "No fields were provided";
    let parse_failed = format!("line protocol parse failed: {cause}");
    for (version, path, words) in [
        ("3.0", V2, "parsing failed for write_lp endpoint"),
        ("3.3", V2, "parsing failed for write_lp endpoint"),
        (
            "3.4",
            V2,
            "write buffer error: parsing for line protocol failed",
        ),
        (
            "3.6.0",
            V2,
            "write buffer error: parsing for line protocol failed",
        ),
        ("3.6.0", V1, "parsing failed for write_lp endpoint"),
        ("3.8", V2, &parse_failed),
        ("3.9.3", V1, &parse_failed),
        ("3.10", V2, "line protocol parsing error"),
        ("3.10", V1, "line protocol parsing error"),
    ] {
        let server = Strict3::start(version).unwrap();
        let answer = told(&server, path, "m v=1 1\nm v= 2");
        expect(&answer, 400, words);
        let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(body["data"]["line_number"], 2, "{version} {path}");
        assert_eq!(stored(&server), 0);
    }
}

#[test]
fn a_column_keeps_its_type_for_ever_and_never_changes_between_tag_and_field() {
    let server = server();
    expect(
        &told(&server, V3, "ollama_logs,host=a message=\"x\" 1"),
        204,
        "",
    );
    let year = 365 * 86_400_000_000_000_i64;
    for (line, column, expected, got) in [
        (
            format!("ollama_logs,host=a message=1 {year}"),
            "message",
            "field::string",
            "field::float",
        ),
        (
            "ollama_logs,message=a v=1 1".to_owned(),
            "message",
            "field::string",
            "tag",
        ),
        (
            "ollama_logs host=\"a\" 1".to_owned(),
            "host",
            "tag",
            "field::string",
        ),
    ] {
        let words = format!(
            "invalid column type for column '{column}', expected iox::column_type::{expected}, got iox::column_type::{got}"
        );
        for path in [V3, V2, V1] {
            expect(&told(&server, path, &line), 400, &words);
        }
    }
    // A new tag and a new field come at any time.
    expect(
        &told(&server, V3, "ollama_logs,host=a,n=1 pid=\"7\" 2"),
        204,
        "",
    );
    // The type that is refused is not remembered.
    expect(&told(&server, V3, "ollama_logs message=\"y\" 3"), 204, "");
}

#[test]
fn a_field_twice_in_one_line_is_refused() {
    let words = "invalid line protocol - multiple instances of 'v' field found";
    expect(&told(&server(), V3, "m v=1,v=2 1"), 400, words);
}

#[test]
fn a_full_disk_and_a_wal_that_is_closed_are_told_by_each_path() {
    for (path, status) in [(V3, 500), (V2, 400), (V1, 500)] {
        let server = server();
        server.fill_disk(true);
        let answer = told(&server, path, "m v=1 1");
        expect(&answer, status, "error from wal");
        expect(&answer, status, "No space left on device");
        server.close_wal(true);
        expect(&told(&server, path, "m v=1 1"), status, "error from wal");
        assert_eq!(stored(&server), 0);
        server.close_wal(false);
        expect(&told(&server, path, "m v=1 1"), 204, "");
    }
}

#[test]
fn what_is_beyond_the_retention_is_taken_and_stored_and_hidden() {
    let server = server();
    let young = now() - 60_000_000_000;
    expect(
        &told(&server, V3, &format!("m v=1 1\nm v=1 {young}")),
        204,
        "",
    );
    server.set_retention("logs", 3600);
    expect(&told(&server, V3, "m v=1 2"), 204, "");
    assert_eq!(stored(&server), 3);
    let answer = sql(&server, "logs", "SELECT count(*) AS n FROM m");
    assert_eq!(answer.body, r#"[{"n":1}]"#);
}

#[test]
fn from_3_6_0_to_3_9_3_the_refusal_of_a_line_that_is_not_cut_between_letters_is_a_closed_connection()
 {
    let bad = "ollama_logs,host=aaü x= 1";
    assert!(!bad.is_char_boundary(20), "19 bytes before the letter");
    for (version, does_answer) in [
        ("3.5.0", true),
        ("3.6.0", false),
        ("3.9.3", false),
        ("3.9.4", true),
        ("3.10", true),
    ] {
        let server = Strict3::start(version).unwrap();
        for path in [V3, V2, V1] {
            let body = format!("m v=1 1\n{bad}");
            let target = format!("POST {path}");
            for _ in 0..2 {
                let answer = asked(&server, &target, &bearer(Strict3::TOKEN), body.as_bytes());
                assert_eq!(answer.is_ok(), does_answer, "{version} {path}: {answer:?}");
            }
        }
        let ping = asked(&server, "GET /ping", &bearer(Strict3::TOKEN), b"").unwrap();
        expect(&ping, 200, "process_id");
    }
}

#[test]
fn a_refusal_repeats_20_bytes_of_a_line_at_most() {
    for (version, repeated) in [
        ("3.5.0", "mmmmmmmmmmmmmmmmmmmmmmmmm v= 1"),
        ("3.6.0", "mmmmmmmmmmmmmmmmmmmm"),
    ] {
        let server = Strict3::start(version).unwrap();
        let answer = told(&server, V3, "mmmmmmmmmmmmmmmmmmmmmmmmm v= 1");
        let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(body["data"][0]["original_line"], repeated);
    }
}

#[test]
fn no_answer_says_when_to_come_again() {
    let server = server();
    server.fill_disk(true);
    for body in ["x", "", "m v=1 1"] {
        let answer = told(&server, V3, body);
        assert_eq!(answer.header("retry-after"), None);
        assert_ne!(answer.status, 503);
    }
}

#[test]
fn writes_that_are_open_at_once_wait_for_the_wal_together() {
    let server = server();
    let wait = Duration::from_millis(300);
    server.set_wal_wait(wait);
    let started = Instant::now();
    thread::scope(|scope| {
        for number in 0..4 {
            let server = &server;
            let line = format!("m v=1 {number}");
            scope.spawn(move || expect(&told(server, V3, &line), 204, ""));
        }
    });
    assert!(started.elapsed() >= wait && started.elapsed() < wait * 4);
    assert_eq!((server.most_open(), stored(&server)), (4, 4));
}

#[test]
fn other_encodings_and_missing_parameters_are_refused() {
    let server = server();
    let headers = format!("{}Content-Encoding: deflate\r\n", bearer(Strict3::TOKEN));
    let answer = asked(&server, &format!("POST {V3}"), &headers, b"m v=1 1").unwrap();
    expect(&answer, 400, "unacceptable content-encoding: deflate");
    let path = "/api/v3/write_lp?precision=nanosecond";
    expect(
        &told(&server, path, "m v=1 1"),
        400,
        "missing query parameter",
    );
    let path = "/api/v3/write_lp?db=logs&precision=wrong";
    expect(&told(&server, path, "m v=1 1"), 400, "unknown variant");
}

#[test]
fn a_server_that_was_stopped_refuses_connections_and_has_all_again_afterwards() {
    let mut server = server();
    expect(&told(&server, V3, "m v=1 1"), 204, "");
    server.stop();
    assert!(asked(&server, "GET /ping", "", b"").is_err());
    server.restart().unwrap();
    expect(&told(&server, V3, "m v=1 2"), 204, "");
    assert_eq!(stored(&server), 2);
}
