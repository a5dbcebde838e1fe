use super::*;

const ORG_ID: &str = "00000000000000a1";

fn get(server: &Strict2, path: &str, token: &str) -> Answer {
    asked(server, &format!("GET {path}"), &of_token(token), b"")
}

fn flux(server: &Strict2, org: &str, token: &str, from: &str, condition: &str) -> Answer {
    let query = format!(
        "from({from}) |> range(start: 0, stop: 36000) |> filter(fn: (r) => {condition}) |> group() \
         |> aggregateWindow(every: 1h, fn: count, createEmpty: false, timeSrc: \"_start\") \
         |> map(fn: (r) => ({{ hour: uint(v: r._time) / uint(v: 1000), points: r._value }}))"
    );
    let target = format!("POST /api/v2/query?org={org}");
    asked(server, &target, &of_token(token), query.as_bytes())
}

const MESSAGE: &str = r#"r._measurement == "m" and r._field == "message""#;

#[test]
fn ping_is_204_with_the_version_and_without_a_token() {
    let answer = asked(&server(), "GET /ping", "", b"");
    expect(&answer, 204, "");
    assert_eq!(answer.header("x-influxdb-build"), Some("OSS"));
}

#[test]
fn buckets_are_found_by_name_and_by_id_only_as_such() {
    let server = server();
    let id = server.create_bucket(Bucket2::named("other"));
    server.set_retention("other", 3600, 3600);
    for query in [
        "org=org&name=other".to_owned(),
        format!("orgID={ORG_ID}&id={id}"),
    ] {
        let answer = get(&server, &format!("/api/v2/buckets?{query}"), Strict2::TOKEN);
        expect(&answer, 200, "\"everySeconds\":3600");
        expect(&answer, 200, &id);
    }
    for query in [
        format!("org={ORG_ID}&name=other"),
        format!("org=org&name={id}"),
        "org=org&name=missing".to_owned(),
    ] {
        let answer = get(&server, &format!("/api/v2/buckets?{query}"), Strict2::TOKEN);
        expect(&answer, 404, "not found");
    }
}

#[test]
fn buckets_without_permission_are_an_empty_list_and_a_missing_one_is_404() {
    let server = server();
    server.add_token("writer", Rights::WriteOnly);
    let answer = get(&server, "/api/v2/buckets?org=org&name=logs", "writer");
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, r#"{"buckets":[]}"#)
    );
    let answer = get(&server, "/api/v2/buckets?org=org&name=missing", "writer");
    expect(&answer, 404, "bucket \"missing\" not found");
    let answer = get(&server, "/api/v2/buckets?org=org&name=logs", "wrong");
    expect(&answer, 401, "unauthorized access");
}

#[test]
fn flux_takes_an_organisation_by_id_and_name_and_a_bucket_by_id_only_as_such() {
    let server = server();
    let id = server.create_bucket(Bucket2::named("other"));
    let write = "/api/v2/write?org=org&bucket=other";
    expect(&told(&server, write, "m message=\"x\" 1"), 204, "");
    for org in ["org", ORG_ID] {
        for from in [
            "bucket: \"other\"".to_owned(),
            format!("bucketID: \"{id}\""),
        ] {
            let answer = flux(&server, org, Strict2::TOKEN, &from, MESSAGE);
            expect(&answer, 200, ",_result,0,0,1\r\n");
        }
    }
    let answer = flux(&server, "x", Strict2::TOKEN, "bucket: \"logs\"", MESSAGE);
    expect(
        &answer,
        400,
        "failed to decode request body: organization name \"x\" not found",
    );
    for from in [
        "bucket: \"missing\"".to_owned(),
        format!("bucket: \"{id}\""),
    ] {
        let answer = flux(&server, "org", Strict2::TOKEN, &from, MESSAGE);
        expect(&answer, 404, "could not find bucket");
    }
}

#[test]
fn a_bucket_that_may_not_be_read_is_not_found() {
    let server = server();
    server.add_token("writer", Rights::WriteOnly);
    let answer = flux(&server, "org", "writer", "bucket: \"logs\"", MESSAGE);
    expect(&answer, 404, "could not find bucket \"logs\"");
}

#[test]
fn a_group_over_text_and_integers_is_a_collision() {
    let server = server();
    told(&server, V2, "m message=\"x\",n=1i 1");
    let both = format!(r#"({MESSAGE}) or (r._measurement == "m" and r._field == "n")"#);
    let answer = flux(&server, "org", Strict2::TOKEN, "bucket: \"logs\"", &both);
    expect(
        &answer,
        400,
        "schema collision: cannot group string and integer types together",
    );
}

#[test]
fn of_a_field_of_two_types_in_different_shards_flux_leaves_rows_out() {
    let server = hourly();
    told(
        &server,
        V2,
        &format!("m message=1 1\nm message=\"x\" {HOUR}"),
    );
    assert_eq!(stored(&server), 2);
    let answer = flux(&server, "org", Strict2::TOKEN, "bucket: \"logs\"", MESSAGE);
    expect(&answer, 200, ",_result,0,0,1\r\n");
    assert!(!answer.body.contains(",3600000000,"));
}

fn influxql(server: &Strict2, token: &str, query: &str) -> serde_json::Value {
    let path = format!("/query?db=logs&epoch=ns&q={}", encoded(query));
    let answer = get(server, &path, token);
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

#[test]
fn influxql_gives_texts_as_they_are_by_virtual_mappings() {
    let server = server();
    told(&server, V2, "m message=\"two\nlines\" 1");
    for query in [
        "SELECT message FROM m",
        "SELECT message FROM logs.autogen.m",
    ] {
        let answer = influxql(&server, Strict2::TOKEN, query);
        let values = &answer["results"][0]["series"][0]["values"];
        assert_eq!(values[0], serde_json::json!([1, "two\nlines"]));
    }
    server.add_token("writer", Rights::WriteOnly);
    let answer = influxql(&server, "writer", "SELECT message FROM m");
    assert!(answer["results"][0]["error"].is_string(), "{answer}");
}

#[test]
fn retention_policies_are_0s_whatever_the_bucket_keeps() {
    let server = server();
    server.set_retention("logs", 3600, 3600);
    let answer = influxql(&server, Strict2::TOKEN, "SHOW RETENTION POLICIES ON logs");
    let values = &answer["results"][0]["series"][0]["values"];
    assert_eq!(values[0][1], "0s");
}

#[test]
fn buckets_and_tokens_are_made_and_deleted_and_points_too() {
    let server = server();
    let post = |path: &str, body: &str| told(&server, path, body);
    let body =
        r#"{"orgID":"00000000000000a1","name":"new","retentionRules":[{"everySeconds":3600}]}"#;
    expect(&post("/api/v2/buckets", body), 201, "new");
    expect(&post("/api/v2/buckets", body), 422, "already exists");
    let body = r#"{"permissions":[{"action":"write"}]}"#;
    let made: serde_json::Value =
        serde_json::from_str(&post("/api/v2/authorizations", body).body).unwrap();
    let (id, token) = (
        made["id"].as_str().unwrap(),
        made["token"].as_str().unwrap(),
    );
    let target = format!("POST {V2}");
    expect(
        &asked(&server, &target, &of_token(token), b"m v=1 1"),
        204,
        "",
    );
    let delete = format!("DELETE /api/v2/authorizations/{id}");
    expect(
        &asked(&server, &delete, &of_token(Strict2::TOKEN), b""),
        204,
        "",
    );
    expect(
        &asked(&server, &target, &of_token(token), b"m v=1 1"),
        401,
        "unauthorized",
    );
    told(&server, V2, &format!("m v=1 {HOUR}\nn v=1 {HOUR}"));
    let body = r#"{"start":"1970-01-01T01:00:00Z","stop":"1970-01-01T02:00:00Z","predicate":"_measurement=\"m\""}"#;
    expect(&post("/api/v2/delete?org=org&bucket=logs", body), 204, "");
    assert_eq!(stored(&server), 2);
}
