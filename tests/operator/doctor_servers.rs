//! What `doctor` says of a server of each version, by what the token may do, what is missing there, and what stands in its place.
//! In each cell exactly the named checks fail or warn; every other one of the server passes.

use std::net::TcpListener;

use support::influxd::Server as _;
use support::strict::{Bucket2, Strict2, Strict3};

use crate::common::proxy::{PAGE, WRITES_OF_2X, WRITES_OF_2X_OR_502};
use crate::doctor_cell::{Cell, SHORT, WRONG, behind, influxd_1x, strict_2x, strict_3x, url};

/// Where nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    url(listener.local_addr().unwrap().port())
}

/// What cannot be told without permission to read.
const UNREAD: [&str; 4] = ["read access", "retention", "msg_hash", "cardinality"];
const UNREAD_3X: [&str; 3] = ["read access", "retention", "msg_hash"];
/// Not even whether the bucket is there.
const UNKNOWN: [&str; 5] = [
    "read access",
    "bucket",
    "retention",
    "msg_hash",
    "cardinality",
];

#[test]
fn every_line_is_true_of_1_6_7_by_what_its_user_may_do() {
    let server = influxd_1x();
    let cell = |name, token| Cell::new(name, &server.url(), token);
    let full = cell("full", "admin:s3cret").expect(&[], &[]);
    full.says("server", "InfluxDB 1.6.7")
        .says("server", "by v1")
        .says("bucket", "exists")
        .says("msg_hash", "no line is there");
    cell("without an organisation", "admin:s3cret")
        .without("INFLUXDB_ORG")
        .expect(&[], &[]);
    cell("write only", "writer:s3cret").expect(&[], &UNREAD);
    cell("read only", "reader:s3cret").expect(&["write access"], &[]);
    cell("wrong", WRONG)
        .expect(&["write access"], &UNKNOWN)
        .says("write access", "INFLUXDB_TOKEN");
    cell("none", "")
        .without("INFLUXDB_TOKEN")
        .expect(&["write access"], &UNKNOWN)
        .says("token", "none is given")
        .says("write access", "INFLUXDB_TOKEN");
    cell("no such database", "admin:s3cret")
        .with("INFLUXDB_BUCKET", "nowhere")
        .expect(&["write access", "bucket"], &UNREAD)
        .says("bucket", "INFLUXDB_BUCKET");
    cell("v3", "admin:s3cret")
        .with("INFLUXDB_API", "v3")
        .expect(&["write access"], &["server"])
        .says("server", "set INFLUXDB_API=auto");
    for rules in [WRITES_OF_2X, WRITES_OF_2X_OR_502, PAGE] {
        let port = server.url().rsplit(':').next().unwrap().parse().unwrap();
        behind(port, "admin:s3cret", rules).expect(&["server", "write access"], &[]);
    }
}

#[test]
fn every_line_is_true_of_2_x_by_what_its_token_may_do() {
    let server = strict_2x();
    let server_url = url(server.port());
    let cell = |name, token| Cell::new(name, &server_url, token);
    let full = cell("full", Strict2::TOKEN).expect(&[], &[]);
    full.says("server", "InfluxDB 2.9.1")
        .says("server", "by v2")
        .says("bucket", "exists");
    cell("write only", "writer:s3cret").expect(&[], &UNREAD);
    cell("read only", "reader:s3cret").expect(&["write access"], &[]);
    cell("wrong", WRONG)
        .expect(&["write access"], &UNKNOWN)
        .says("write access", "INFLUXDB_TOKEN");
    cell("none", "")
        .without("INFLUXDB_TOKEN")
        .expect(&["write access"], &[])
        .says("write access", "INFLUXDB_TOKEN is not set");
    cell("no such bucket", Strict2::TOKEN)
        .with("INFLUXDB_BUCKET", "nowhere")
        .expect(&["write access", "bucket"], &UNREAD)
        .says("bucket", "INFLUXDB_BUCKET");
    cell("no such organisation", Strict2::TOKEN)
        .with("INFLUXDB_ORG", "nobody")
        .expect(&["write access", "bucket"], &UNREAD)
        .says("write access", "INFLUXDB_ORG");
    cell("without an organisation", Strict2::TOKEN)
        .without("INFLUXDB_ORG")
        .expect(&["write access"], &[])
        .says("write access", "INFLUXDB_ORG is not set");
    behind(server.port(), Strict2::TOKEN, PAGE).expect(&["server", "write access"], &[]);
}

#[test]
fn an_api_that_a_2_x_server_does_not_take_is_named_by_its_key() {
    let server = strict_2x();
    let id = server.create_bucket(Bucket2::named("other"));
    let cell = |name, token: &str| Cell::new(name, &url(server.port()), token);
    // A bucket by its id is no database that is mapped.
    cell("v1 without a mapping", &format!("user:{}", Strict2::TOKEN))
        .with("INFLUXDB_API", "v1")
        .with("INFLUXDB_BUCKET", &id)
        .expect(&["write access"], &["server"])
        .says("server", "set INFLUXDB_API=auto")
        .says("write access", "INFLUXDB_API=v2");
    cell("v1 with a token of 2.x", Strict2::TOKEN)
        .with("INFLUXDB_API", "v1")
        .expect(&["write access"], &["server"])
        .says("server", "set INFLUXDB_API=auto");
    cell("v3", Strict2::TOKEN)
        .with("INFLUXDB_API", "v3")
        .expect(&["write access"], &["server"])
        .says("server", "set INFLUXDB_API=auto");
}

#[test]
fn every_line_is_true_of_3_x_by_what_its_token_may_do() {
    for (version, limits) in [("3.6.0", &SHORT[..]), ("3.10.0", &[])] {
        let server = strict_3x(version);
        let server_url = url(server.port());
        let cell = |name, token| Cell::new(&format!("{version} {name}"), &server_url, token);
        let with = |warn: &[&'static str]| [warn, limits].concat();
        let full = cell("full, no database", Strict3::TOKEN).expect(&[], limits);
        full.says("server", &format!("InfluxDB {version}"))
            .says("server", "by v3")
            .says("bucket", "the first write creates it")
            .says("read access", "nothing to read yet")
            .says("cardinality", "no series");
        // Asking makes nothing.
        assert!(server.points("logs", |_| ()).is_none());
        cell("read only, no database", "reader:s3cret").expect(&["write access"], limits);
        server.write("logs", "something value=1 1");
        cell("full", Strict3::TOKEN)
            .expect(&[], limits)
            .says("bucket", "exists");
        cell("without an organisation", Strict3::TOKEN)
            .without("INFLUXDB_ORG")
            .expect(&[], limits);
        cell("write only", "writer:s3cret")
            .expect(&[], &with(&UNREAD_3X))
            .says("bucket", "if it is not there");
        cell("read only", "reader:s3cret").expect(&["write access"], limits);
        cell("wrong", WRONG)
            .expect(&["server", "write access"], &[])
            .says("server", "INFLUXDB_TOKEN");
        cell("wrong, without an organisation", WRONG)
            .without("INFLUXDB_ORG")
            .expect(&["server", "write access"], &[])
            .says("write access", "check INFLUXDB_TOKEN");
        cell("none", "")
            .without("INFLUXDB_TOKEN")
            .expect(&["server", "write access"], &[])
            .says("token", "none is given")
            .says("write access", "INFLUXDB_TOKEN");
        cell("by v2", Strict3::TOKEN)
            .with("INFLUXDB_API", "v2")
            .examine()
            .says("server", "set INFLUXDB_API=auto");
        for other in ["a", "b", "c", "d"] {
            server.write(other, "something value=1 1");
        }
        cell("a sixth database", Strict3::TOKEN)
            .with("INFLUXDB_BUCKET", "sixth")
            .expect(&["write access"], &with(&["bucket"]))
            .says("write access", "exceed limit of 5 databases")
            .says("bucket", "5");
        behind(server.port(), Strict3::TOKEN, PAGE).expect(&["server", "write access"], &[]);
    }
}

#[test]
fn a_proxy_that_passes_only_writes_of_2_x_is_a_warning_and_a_server_that_is_down_a_failure() {
    let (two, three) = (strict_2x(), strict_3x("3.6.0"));
    let warn = [&["server"], &UNREAD[..]].concat();
    for (port, token) in [(two.port(), Strict2::TOKEN), (three.port(), Strict3::TOKEN)] {
        for rules in [WRITES_OF_2X, WRITES_OF_2X_OR_502] {
            behind(port, token, rules)
                .expect(&[], &warn)
                .says("server", "takes lines by v2")
                .says("bucket", "exists");
            behind(port, WRONG, rules).expect(&["server", "write access"], &[]);
        }
    }
    for api in ["auto", "v1", "v2", "v3"] {
        Cell::new("down", &nobody(), WRONG)
            .with("INFLUXDB_API", api)
            .expect(&["server"], &[]);
    }
}
