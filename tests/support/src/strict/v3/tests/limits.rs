use super::*;

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
