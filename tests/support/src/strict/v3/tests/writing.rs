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
fn token_as_bearer_as_token_and_from_3_1_as_the_password_of_basic() {
    // `user:` and the token.
    let basic = "Authorization: Basic dXNlcjphcGl2M19hLXRva2VuLW9mLXRoZS10ZXN0cw==\r\n";
    let token = format!("Authorization: Token {}\r\n", Strict3::TOKEN);
    for (version, headers, status) in [
        ("3.0", token.as_str(), 204),
        ("3.0", basic, 400),
        ("3.1", basic, 204),
    ] {
        let server = Strict3::start(version).unwrap();
        for path in [V3, V2, V1] {
            let answer = asked(&server, &format!("POST {path}"), headers, b"m v=1 1").unwrap();
            expect(&answer, status, "");
        }
    }
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
fn the_longest_string_is_65_536_bytes_up_to_3_8_and_1_mib_after() {
    let line = |length: usize| format!("m text=\"{}\" 1", "x".repeat(length));
    for (version, longest, words) in [
        ("3.0", 65_536, "String is greater than 64KB"),
        ("3.8.5", 65_536, "String is greater than 64KB"),
        ("3.9", 1 << 20, "String is greater than 1MB"),
    ] {
        let server = Strict3::start(version).unwrap();
        expect(&told(&server, V3, &line(longest)), 204, "");
        expect(&told(&server, V3, &line(longest + 1)), 400, words);
    }
    // Bytes count unescaped, and the others of the request are stored.
    let server = server();
    let escaped = format!("m text=\"{}\" 1", "\\\"".repeat(65_536));
    expect(&told(&server, V3, &escaped), 204, "");
    let both = format!("{}\nm text=\"good\" 2", line(65_537));
    expect(&told(&server, V3, &both), 400, "64KB");
    assert_eq!(stored(&server), 2);
}

#[test]
fn the_sixth_database_is_refused() {
    for (path, status) in [
        ("/api/v3/write_lp?precision=nanosecond&db=", 422),
        ("/api/v2/write?bucket=", 400),
        ("/write?db=", 422),
    ] {
        let server = server();
        for number in 1..=5 {
            expect(
                &told(&server, &format!("{path}db{number}"), "m v=1 1"),
                204,
                "",
            );
        }
        let words = "Adding a new database would exceed limit of 5 databases";
        expect(
            &told(&server, &format!("{path}db6"), "m v=1 1"),
            status,
            words,
        );
        expect(&told(&server, &format!("{path}db5"), "m v=1 2"), 204, "");
    }
}

#[test]
fn a_table_over_2_000_and_a_column_over_500_are_refused() {
    let server = server();
    let tables: String = (0..2000).map(|n| format!("m{n} v=1 1\n")).collect();
    expect(&told(&server, V3, &tables), 204, "");
    let words = "Update to schema would exceed number of tables limit of 2000 tables";
    expect(&told(&server, V3, "another v=1 1"), 422, words);
    let fields: Vec<_> = (0..498).map(|n| format!("f{n}=1")).collect();
    expect(
        &told(&server, V3, &format!("m1 {} 2", fields.join(","))),
        204,
        "",
    );
    let words = "Update to schema would exceed number of columns per table limit";
    expect(&told(&server, V3, "m1 more=1 3"), 422, words);
    expect(&told(&server, V3, "m1 f0=1 3"), 204, "");
}

#[test]
fn a_bad_name_of_a_database_is_refused() {
    let long = "x".repeat(65);
    for (name, words) in [
        ("a%2Fb", "must be ASCII, containing only letters"),
        ("a%20b", "must be ASCII, containing only letters"),
        ("%C3%BC", "must be ASCII, containing only letters"),
        ("", "db name cannot be empty"),
        (&long, "namespace name"),
    ] {
        for path in [
            "/api/v3/write_lp?precision=nanosecond&db=",
            "/api/v2/write?bucket=",
            "/write?db=",
        ] {
            let answer = told(&server(), &format!("{path}{name}"), "m v=1 1");
            expect(&answer, 400, words);
        }
    }
}

#[test]
fn a_request_over_10_mib_is_refused() {
    let line = format!("m text=\"{}\" 1\n", "x".repeat(60_000));
    let large = line.repeat((10 << 20) / line.len() + 1);
    for (path, status) in [(V3, 500), (V2, 413), (V1, 500)] {
        let server = server();
        let words = "max request size (10485760 bytes) exceeded";
        expect(&told(&server, path, &large), status, words);
        // Also when it is small on its way.
        let headers = format!("{}Content-Encoding: gzip\r\n", bearer(Strict3::TOKEN));
        let answer = asked(&server, &format!("POST {path}"), &headers, &packed(&large));
        let answer = answer.unwrap();
        expect(&answer, status, words);
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
        let most = line.repeat((10 << 20) / line.len());
        expect(&told(&server, path, &most), 204, "");
    }
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
fn a_wrong_token_is_401_without_words_before_3_8_and_403_for_the_2_x_path_of_3_10() {
    for (version, path, status, words) in [
        ("3.6.0", V3, 401, ""),
        ("3.7", V2, 401, ""),
        ("3.8", V3, 401, "not authenticated"),
        ("3.9", V2, 401, "not authenticated"),
        ("3.10", V3, 401, "not authenticated"),
        ("3.10", V1, 401, "not authenticated"),
        ("3.10", V2, 403, "not authenticated"),
    ] {
        let server = Strict3::start(version).unwrap();
        let target = format!("POST {path}");
        for headers in [String::new(), bearer("wrong")] {
            let answer = asked(&server, &target, &headers, b"m v=1 1").unwrap();
            expect(&answer, status, words);
            assert_eq!(answer.body.is_empty(), words.is_empty(), "{version}");
        }
        server.delete_token(Strict3::TOKEN);
        expect(&told(&server, path, "m v=1 1"), status, words);
    }
}

#[test]
fn a_malformed_authorization_header_and_an_empty_token_are_400() {
    let server = server();
    for header in ["Bearer", "Bearer ", "Bearer a b", "Wrong token", "token"] {
        let headers = format!("Authorization: {header}\r\n");
        let answer = asked(&server, &format!("POST {V3}"), &headers, b"m v=1 1").unwrap();
        expect(&answer, 400, "Authorization header was malformed");
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
