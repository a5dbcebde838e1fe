use super::*;

#[test]
fn an_empty_body_is_204_after_everything_else_was_checked_and_touches_no_shard() {
    let server = server();
    server.fill_disk(true);
    server.set_trouble(Some("engine is closed"));
    for body in ["", "\n", "# a comment\n"] {
        for path in [V2, V1] {
            expect(&told(&server, path, body), 204, "");
        }
        let path = "/api/v2/write?org=org&bucket=x";
        expect(&told(&server, path, body), 404, "bucket \"x\" not found");
    }
}

#[test]
fn lines_that_are_none_are_told_one_by_one_and_nothing_of_the_request_is_stored() {
    let server = server();
    for (line, reason) in [
        ("m v= 1", "missing field value"),
        ("m v=1 x", "bad timestamp"),
        (
            "m v=1 9223372036854775807",
            "time outside range -9223372036854775806 - 9223372036854775806",
        ),
        (
            "m v=1 -9223372036854775807",
            "time outside range -9223372036854775806 - 9223372036854775806",
        ),
        (
            "m v=1 99223372036854775807",
            "time outside range -9223372036854775806 - 9223372036854775806",
        ),
        ("m v=1x 1", "invalid number"),
        ("m,t=a,t=b v=1 1", "duplicate tags"),
        ("m 1", "missing field"),
    ] {
        for path in [V2, V1] {
            let answer = told(&server, path, &format!("good v=1 1\n{line}"));
            expect(&answer, 400, &format!("unable to parse '{line}': {reason}"));
        }
    }
    let both =
        "unable to parse 'a v= 1': missing field value\nunable to parse 'b v=1 x': bad timestamp";
    expect(&told(&server, V2, "a v= 1\ngood v=1 1\nb v=1 x"), 400, both);
    assert_eq!(stored(&server), 0);
    for time in ["9223372036854775806", "-9223372036854775806"] {
        expect(&told(&server, V2, &format!("m v=1 {time}")), 204, "");
    }
}

#[test]
fn a_conflict_is_422_and_the_others_are_stored() {
    for path in [V2, V1] {
        let server = server();
        expect(&told(&server, path, "ollama_logs message=\"x\" 1"), 204, "");
        let answer = told(
            &server,
            path,
            "ollama_logs message=1 2\nollama_logs message=\"y\" 3",
        );
        expect(
            &answer,
            422,
            "failure writing points to database: partial write: field type conflict: input field \"message\" on measurement \"ollama_logs\" is type float, already exists as type string dropped=1",
        );
        assert_eq!(stored(&server), 2);
    }
}

#[test]
fn types_are_those_of_a_shard() {
    let server = hourly();
    expect(&told(&server, V2, "m v=\"x\" 1"), 204, "");
    expect(&told(&server, V2, &format!("m v=1 {HOUR}")), 204, "");
    expect(
        &told(&server, V2, "m v=1 2"),
        422,
        "already exists as type string",
    );
}

#[test]
fn a_shard_keeps_its_length_when_new_ones_get_another() {
    let server = server();
    told(&server, V2, "m v=\"x\" 1");
    server.set_retention("logs", 0, 3600);
    let within = format!("m v=1 {HOUR}");
    expect(
        &told(&server, V2, &within),
        422,
        "already exists as type string",
    );
    let beyond = format!("m v=1 {}", 8 * 24 * HOUR);
    expect(&told(&server, V2, &beyond), 204, "");
}

#[test]
fn before_2_0_9_a_conflict_is_500() {
    for (version, status, words) in [
        (
            "2.0.0",
            500,
            "unexpected error writing points to database: partial write: ",
        ),
        (
            "2.0.8",
            500,
            "unexpected error writing points to database: partial write: ",
        ),
        (
            "2.0.9",
            422,
            "failure writing points to database: partial write: ",
        ),
    ] {
        let server = Strict2::start_as(version).unwrap();
        told(&server, V2, "m v=\"x\" 1");
        let answer = told(&server, V2, "m v=1 2\nm v=\"y\" 3");
        assert_eq!(answer.status, status, "{version}");
        assert!(answer.body.contains(words) && answer.body.contains("dropped=1"));
        assert_eq!(stored(&server), 2);
    }
}

#[test]
fn before_2_1_an_empty_body_is_400() {
    let answer = told(&Strict2::start_as("2.0.9").unwrap(), V2, "");
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("writing requires points"));
}

#[test]
fn a_string_over_1_mib_is_422_and_the_others_are_stored() {
    let server = server();
    let line = |length: usize| format!("ollama_logs message=\"{}\" 1", "x".repeat(length));
    expect(&told(&server, V2, &line(1 << 20)), 204, "");
    let answer = told(&server, V2, &format!("{}\nm v=1 2", line((1 << 20) + 1)));
    expect(
        &answer,
        422,
        "partial write: input field \"message\" on measurement \"ollama_logs\" is too long, 1048577 > 1048576 dropped=1",
    );
    assert_eq!(stored(&server), 2);
}

#[test]
fn troubles_of_the_server_are_500() {
    let server = server();
    for words in [
        "timeout",
        "engine is closed",
        "engine: context deadline exceeded",
    ] {
        server.set_trouble(Some(words));
        for path in [V2, V1] {
            let words = format!("unexpected error writing points to database: {words}");
            expect(&told(&server, path, "m v=1 1"), 500, &words);
        }
    }
    server.set_trouble(None);
    expect(&told(&server, V2, "m v=1 1"), 204, "");
}

#[test]
fn a_shard_that_found_no_room_fails_until_the_server_is_started_again() {
    let mut server = server();
    server.fill_disk(true);
    let answer = told(&server, V2, "m v=1 1");
    expect(
        &answer,
        500,
        "unexpected error writing points to database: [shard 1]",
    );
    expect(&answer, 500, "no space left on device");
    server.fill_disk(false);
    let words = "not attempting to open shard 1; opening shard previously failed with: [shard 1] mkdir /data/1/index: no space left on device";
    expect(&told(&server, V2, "m v=1 1"), 500, words);
    server.restart().unwrap();
    expect(&told(&server, V2, "m v=1 1"), 204, "");
    // A full disk is none for the shards that there are.
    server.fill_disk(true);
    expect(&told(&server, V2, "m v=1 2"), 204, "");
}

#[test]
fn a_shard_that_is_being_deleted_takes_nothing() {
    let server = server();
    server.delete_shards(true);
    let answer = told(&server, V2, "m v=1 1\nm v=1 2");
    expect(
        &answer,
        422,
        "partial write: shard 1 is pending deletion dropped=2",
    );
    assert_eq!(stored(&server), 0);
}

fn packed(text: &str) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(text.as_bytes()).unwrap();
    packer.finish().unwrap()
}

#[test]
fn gzip_is_taken_and_a_wrong_one_and_one_that_is_cut_are_500() {
    let server = server();
    let headers = format!("{}Content-Encoding: gzip\r\n", of_token(Strict2::TOKEN));
    let whole = packed("m v=1 1");
    for (body, status, words) in [
        (&whole[..], 204, ""),
        (
            &b"m v=1 1"[..],
            500,
            "An internal error has occurred - check server logs",
        ),
        (
            &whole[..whole.len() - 9],
            500,
            "unable to read data: unexpected EOF",
        ),
    ] {
        for path in [V2, V1] {
            let answer = asked(&server, &format!("POST {path}"), &headers, body);
            expect(&answer, status, words);
        }
    }
}

#[test]
fn a_request_of_49_mib_is_taken() {
    let server = server();
    let text = "x".repeat(1 << 20);
    let lines: String = (1..=49).map(|n| format!("m v=\"{text}\" {n}\n")).collect();
    expect(&told(&server, V2, &lines), 204, "");
    assert_eq!(stored(&server), 49);
}

#[test]
fn points_are_written_again_by_their_series_in_any_order_of_tags() {
    let server = server();
    told(
        &server,
        V2,
        "m,a=1,b=2 v=1 1\nm,b=2,a=1 w=1 1\nm,a=1,b=2 v=2 1",
    );
    assert_eq!(stored(&server), 1);
    let fields = server.points("logs", |points| {
        points.iter().next().unwrap().fields.clone()
    });
    assert_eq!(fields.len(), 2);
}

#[test]
fn a_server_that_was_stopped_refuses_connections_and_has_all_again_afterwards() {
    let mut server = server();
    expect(&told(&server, V2, "m v=1 1"), 204, "");
    server.stop();
    assert!(send(("127.0.0.1", server.port()), "GET /ping", "", b"").is_err());
    server.restart().unwrap();
    expect(&told(&server, V2, "m v=1 2"), 204, "");
    assert_eq!(stored(&server), 2);
}
