use super::*;

#[test]
fn no_token_and_a_wrong_and_a_deleted_one_are_401() {
    let server = server();
    server.add_token("gone", Rights::Full);
    server.delete_token("gone");
    let target = format!("POST {V2}");
    for headers in [String::new(), of_token("wrong"), of_token("gone")] {
        let answer = asked(&server, &target, &headers, b"m v=1 1");
        expect(&answer, 401, "unauthorized access");
    }
    // `user:x`
    let basic = "Authorization: Basic dXNlcjp4\r\n";
    let answer = asked(&server, &format!("POST {V1}"), basic, b"m v=1 1");
    expect(&answer, 401, "Unauthorized");
}

#[test]
fn a_token_that_may_not_write_or_is_switched_off_is_403() {
    let server = server();
    server.add_token("reader", Rights::ReadOnly);
    server.add_token("off", Rights::Full);
    server.switch_off_token("off");
    for path in [V2, V1] {
        let target = format!("POST {path}");
        let answer = asked(&server, &target, &of_token("reader"), b"m v=1 1");
        expect(&answer, 403, "insufficient permissions for write");
        let answer = asked(&server, &target, &of_token("off"), b"m v=1 1");
        expect(&answer, 403, ": token is inactive");
    }
}

#[test]
fn a_missing_organisation_or_bucket_is_404_and_a_bucket_that_may_not_be_seen_is_missing() {
    let server = server();
    let path = "/api/v2/write?org=x&bucket=logs";
    expect(
        &told(&server, path, "m v=1 1"),
        404,
        "organization name \"x\" not found",
    );
    let path = "/api/v2/write?org=org&bucket=x";
    expect(
        &told(&server, path, "m v=1 1"),
        404,
        "bucket \"x\" not found",
    );
    server.add_token("nobody", Rights::Nothing);
    let answer = asked(
        &server,
        &format!("POST {V2}"),
        &of_token("nobody"),
        b"m v=1 1",
    );
    expect(&answer, 404, "bucket \"logs\" not found");
    expect(
        &told(&server, "/write?db=x", "m v=1 1"),
        404,
        "no dbrp mapping found",
    );
    expect(&told(&server, "/write", "m v=1 1"), 400, "missing db");
}

#[test]
fn a_write_takes_ids_and_names() {
    let server = server();
    let id = server.create_bucket(Bucket2::named("other"));
    for org in ["org", "00000000000000a1"] {
        for bucket in ["other", &id] {
            let path = format!("/api/v2/write?org={org}&bucket={bucket}");
            expect(&told(&server, &path, "m v=1 1"), 204, "");
        }
    }
    assert_eq!(server.points("other", Points::len), 1);
}

#[test]
fn the_path_of_1_x_goes_by_virtual_and_explicit_mappings() {
    let server = server();
    server.create_bucket(Bucket2::named("mapped"));
    server.create_bucket(Bucket2::named("db/policy"));
    server.map("database", "weekly", "mapped");
    for path in [
        "/write?db=logs",
        "/write?db=logs&rp=autogen",
        "/write?db=database",
        "/write?db=database&rp=weekly",
        "/write?db=db&rp=policy",
    ] {
        expect(&told(&server, path, "m v=1 1"), 204, "");
    }
    for path in [
        "/write?db=logs&rp=x",
        "/write?db=database&rp=x",
        "/write?db=db",
    ] {
        expect(
            &told(&server, path, "m v=1 1"),
            404,
            "no dbrp mapping found",
        );
    }
    server.add_token("writer", Rights::WriteOnly);
    let target = "POST /write?db=logs&u=anybody&p=writer";
    expect(&asked(&server, target, "", b"m v=1 1"), 204, "");
}
