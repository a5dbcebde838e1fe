use super::*;
use crate::strict::Rights;

const HOUR: i64 = 3_600_000_000_000;

/// 2026-11-26T17:00:00.
const START: i64 = 1_795_712_400_000_000_000;

fn counting(table: &str, from: &str, to: &str) -> String {
    format!(
        "SELECT date_bin(INTERVAL '1 hour', time) AS hour, count(\"message\") AS points FROM \"{table}\" \
         WHERE \"host\" = 'a b' AND time >= TIMESTAMP '{from}' AND time < TIMESTAMP '{to}' GROUP BY 1 ORDER BY 1"
    )
}

fn filled() -> Strict3 {
    let server = server();
    let lines: String = [(0, 1), (0, 2), (1, 1), (2, 1)]
        .map(|(hour, number)| {
            let time = START + hour * HOUR + number;
            format!("ollama_logs,host=a\\ b message=\"x\",n=1i,f=1,b=true {time}\n")
        })
        .concat();
    expect(&told(&server, V3, &lines), 204, "");
    let others = format!(
        "ollama_logs,host=c message=\"x\" {START}\nollama_logs,host=a\\ b n=1i {}",
        START + 7
    );
    expect(&told(&server, V3, &others), 204, "");
    server
}

#[test]
fn ping_tells_the_version_with_a_token_and_nothing_without_one() {
    let server = server();
    let answer = asked(&server, "GET /ping", &bearer(Strict3::TOKEN), b"").unwrap();
    expect(&answer, 200, "");
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body["version"], "3.6.0");
    assert!(body["revision"].is_string() && body["process_id"].is_string());
    assert_eq!(answer.header("x-influxdb-version"), None);
    let answer = asked(&server, "GET /ping", "", b"").unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (401, ""));
    let open = Strict3::start_open("3.6.0").unwrap();
    expect(&asked(&open, "GET /ping", "", b"").unwrap(), 200, "version");
}

#[test]
fn points_are_counted_by_the_hour() {
    let server = filled();
    let query = counting(
        "ollama_logs",
        "2026-11-26T17:00:00Z",
        "2026-11-26T19:00:00Z",
    );
    let expected =
        r#"[{"hour":"2026-11-26T17:00:00","points":2},{"hour":"2026-11-26T18:00:00","points":1}]"#;
    assert_eq!(sql(&server, "logs", &query).body, expected);
    let by_name = query.replace("GROUP BY 1", "group by hour");
    assert_eq!(sql(&server, "logs", &by_name).body, expected);
    for rows in ["count(*)", "count(1)"] {
        let all = query.replace("count(\"message\")", rows);
        expect(&sql(&server, "logs", &all), 200, r#"7:00:00","points":3}"#);
    }
    let headers = format!(
        "{}Content-Type: application/json\r\n",
        bearer(Strict3::TOKEN)
    );
    let body = serde_json::json!({ "db": "logs", "q": query, "format": "json" }).to_string();
    let answer = asked(&server, "POST /api/v3/query_sql", &headers, body.as_bytes());
    assert_eq!(answer.unwrap().body, expected);
}

#[test]
fn a_missing_table_is_an_error_and_so_are_a_missing_column_and_a_missing_database() {
    let server = filled();
    let query = counting("x", "2026-11-26T17:00:00Z", "2026-11-26T18:00:00Z");
    let words = "Error during planning: table 'public.iox.x' not found";
    expect(&sql(&server, "logs", &query), 500, words);
    let query = "SELECT count(missing) FROM ollama_logs";
    expect(&sql(&server, "logs", query), 500, "No field named missing");
    expect(
        &sql(&server, "nope", query),
        404,
        "database not found: nope",
    );
}

#[test]
fn a_missing_table_is_the_clients_fault_in_late_versions() {
    let query = "SELECT count(*) FROM x";
    let planning = "Error during planning: table 'public.iox.x' not found";
    for (version, status, words) in [
        (
            "3.6.0",
            500,
            format!("query error: error while planning query: {planning}"),
        ),
        ("3.10", 400, planning.to_owned()),
    ] {
        let server = Strict3::start(version).unwrap();
        expect(&told(&server, V3, "m v=1 1"), 204, "");
        let answer = sql(&server, "logs", query);
        assert_eq!((answer.status, answer.body), (status, words));
    }
}

#[test]
fn an_error_without_data_says_so_but_in_late_versions() {
    for (version, body) in [
        (
            "3.6.0",
            r#"{"data":null,"error":"query error: database not found: x"}"#,
        ),
        ("3.10", r#"{"error":"query error: database not found: x"}"#),
    ] {
        let server = Strict3::start(version).unwrap();
        assert_eq!(sql(&server, "x", "SELECT count(*) FROM m").body, body);
    }
}

#[test]
fn any_other_sql_is_an_error() {
    let server = filled();
    for query in ["DROP TABLE ollama_logs", "SELECT", "from(bucket: \"logs\")"] {
        expect(&sql(&server, "logs", query), 400, "ParserError");
    }
}

#[test]
fn tables_and_columns_are_listed_with_their_types() {
    let server = filled();
    let tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'iox'";
    assert_eq!(
        sql(&server, "logs", tables).body,
        r#"[{"table_name":"ollama_logs"}]"#
    );
    let other = format!("{tables} AND table_name = 'x'");
    assert_eq!(sql(&server, "logs", &other).body, "[]");
    let columns = "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'iox' AND table_name = 'ollama_logs'";
    let body = sql(&server, "logs", columns).body;
    for (name, kind) in [
        ("host", "Dictionary(Int32, Utf8)"),
        ("message", "Utf8"),
        ("n", "Int64"),
        ("f", "Float64"),
        ("b", "Boolean"),
        ("time", "Timestamp(Nanosecond, None)"),
    ] {
        let row = format!(r#"{{"column_name":"{name}","data_type":"{kind}"}}"#);
        assert!(body.contains(&row), "{row} is not in {body}");
    }
    let one = format!("{columns} AND column_name = 'host'");
    let expected = r#"[{"column_name":"host","data_type":"Dictionary(Int32, Utf8)"}]"#;
    assert_eq!(sql(&server, "logs", &one).body, expected);
}

#[test]
fn a_query_over_more_than_72_hours_of_data_is_refused_and_one_of_24_is_not() {
    let server = filled();
    let late = format!("ollama_logs,host=a\\ b message=\"x\" {}", START + 73 * HOUR);
    expect(&told(&server, V3, &late), 204, "");
    let whole = counting(
        "ollama_logs",
        "2026-11-26T00:00:00Z",
        "2026-12-26T00:00:00Z",
    );
    let words =
        "Query would exceed file limit of 432 parquet files. Please specify a smaller time range";
    expect(&sql(&server, "logs", &whole), 500, words);
    let day = counting(
        "ollama_logs",
        "2026-11-26T00:00:00Z",
        "2026-11-27T00:00:00Z",
    );
    expect(&sql(&server, "logs", &day), 200, "points");
}

#[test]
fn retention_is_told_by_the_internal_database_from_3_6() {
    let query = "SELECT * FROM system.databases";
    let server = filled();
    server.set_retention("logs", 3600);
    let answer = sql(&server, "_internal", query);
    expect(&answer, 200, r#""database_name":"logs""#);
    expect(&answer, 200, r#""retention_period_ns":3600000000000"#);
    let older = Strict3::start("3.5.0").unwrap();
    expect(&sql(&older, "_internal", query), 500, "not found");
}

#[test]
fn the_v1_query_takes_one_statement() {
    let server = filled();
    let ask = |statements: &str| {
        let target = format!("GET /query?db=logs&epoch=ns&q={}", encoded(statements));
        asked(&server, &target, &bearer(Strict3::TOKEN), b"").unwrap()
    };
    let one = "SELECT count(message) FROM ollama_logs WHERE host = 'a b'";
    expect(&ask(one), 200, "\"values\":[[0,4]]");
    let words = "must provide only one InfluxQl statement per query";
    expect(&ask(&format!("{one}; {one}")), 500, words);
}

#[test]
fn what_2_x_is_asked_is_404() {
    let server = server();
    for target in ["POST /api/v2/query?org=org", "GET /api/v2/buckets?org=org"] {
        let answer = asked(&server, target, &bearer(Strict3::TOKEN), b"").unwrap();
        expect(&answer, 404, "");
    }
}

#[test]
fn databases_are_told_to_an_admin_token_alone() {
    let server = filled();
    server.add_token("writer", Rights::WriteOnly);
    let target = "GET /api/v3/configure/database?format=json";
    let answer = asked(&server, target, &bearer(Strict3::TOKEN), b"").unwrap();
    expect(&answer, 200, r#"{"iox::database":"logs"}"#);
    let answer = asked(&server, target, &bearer("writer"), b"").unwrap();
    expect(&answer, 403, "");
    expect(&asked(&server, target, "", b"").unwrap(), 401, "");
    // Which says nothing about writing.
    let answer = asked(
        &server,
        &format!("POST {V3}"),
        &bearer("writer"),
        b"m v=1 1",
    )
    .unwrap();
    expect(&answer, 204, "");
}

#[test]
fn a_token_that_may_only_write_reads_nothing_and_one_without_rights_does_neither() {
    let server = filled();
    server.add_token("writer", Rights::WriteOnly);
    server.add_token("nobody", Rights::Nothing);
    let query = encoded("SELECT count(*) FROM ollama_logs");
    for target in ["/api/v3/query_sql?db=logs&q=", "/query?db=logs&q="] {
        let target = format!("GET {target}{query}");
        expect(
            &asked(&server, &target, &bearer("writer"), b"").unwrap(),
            403,
            "",
        );
    }
    let answer = asked(
        &server,
        &format!("POST {V3}"),
        &bearer("nobody"),
        b"m v=1 1",
    );
    expect(&answer.unwrap(), 403, "");
}

#[test]
fn an_admin_makes_and_drops_databases_and_tokens() {
    let server = server();
    let admin = bearer(Strict3::TOKEN);
    let target = "POST /api/v3/configure/database";
    let body = br#"{"db":"logs","retention_period":"1h"}"#;
    expect(&asked(&server, target, &admin, body).unwrap(), 200, "");
    expect(&asked(&server, target, &admin, body).unwrap(), 409, "");
    let target = "POST /api/v3/configure/token/named_admin";
    let answer = asked(&server, target, &admin, br#"{"token_name":"x"}"#).unwrap();
    expect(&answer, 201, "token");
    let target = "DELETE /api/v3/configure/database?db=logs";
    expect(&asked(&server, target, &admin, b"").unwrap(), 200, "");
    expect(&asked(&server, target, &admin, b"").unwrap(), 404, "");
}
