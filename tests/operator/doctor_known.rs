//! What `doctor` says of what a server of each version holds already: how long it keeps points, where lines have their hash, how
//! many series they are, and what its version cannot take.

use support::influxd::Server as _;
use support::journal::{Entry, write_journal};
use support::strict::{Strict2, Strict3};

use crate::doctor_cell::{Cell, SHORT, influxd_1x, strict_2x, strict_3x, url};

const ADMIN: &str = "admin:s3cret";
const HOUR: u64 = 3600;

/// Log lines of one series each, from one number to another.
fn series(numbers: std::ops::Range<u64>) -> String {
    let lines = numbers.map(|number| {
        format!("ollama_logs,host=other,msg_hash={number:064x} message=\"x\" {number}\n")
    });
    lines.collect()
}

/// A line whose hash is a field, and one that has it as a tag.
const AS_FIELD: &str = "ollama_logs,host=other message=\"x\",msg_hash=\"ab\" 1";
const AS_TAG: &str = "ollama_logs,host=other,msg_hash=ab message=\"x\" 1";

/// The server keeps points for an hour; `limits` is what else is warned of.
fn keeps_an_hour(server_url: &str, token: &str, refusal: &str, limits: &[&str]) {
    let with = |warn: &'static str| [&[warn], limits].concat();
    let cell = Cell::new("nothing read", server_url, token);
    cell.expect(&[], &with("retention"))
        .says("retention", "a first run reads back")
        .says("retention", "SHIPPER_LOOKBACK")
        .says("retention", refusal);
    let cell = cell.with("SHIPPER_LOOKBACK", "30m");
    cell.expect(&[], limits).says("retention", "keeps 1 h");

    // Read while no server was there.
    let entry = Entry::line(crate::now() - 3 * HOUR * 1_000_000, "old");
    write_journal(&cell.host.path("journal/system.journal"), [entry]).unwrap();
    let cell = cell
        .with("SHIPPER_LOOKBACK", "3650d")
        .with("INFLUXDB_URL", "http://127.0.0.1:9");
    let running = cell.host.start("run");
    cell.host
        .until("it and the list of models are read", |stats| {
            stats["spool"]["ledger"]["pending"].as_u64() >= Some(2)
        });
    running.terminate();
    cell.with("INFLUXDB_URL", server_url)
        .expect(&["retention"], limits)
        .says("retention", "the oldest pending entry is 3 h old")
        .says("retention", refusal);
}

#[test]
fn a_retention_shorter_than_the_lookback_is_a_warning_and_shorter_than_the_backlog_a_failure() {
    let server = influxd_1x();
    server.influxql("ALTER RETENTION POLICY autogen ON logs DURATION 1h SHARD DURATION 1h");
    keeps_an_hour(&server.url(), ADMIN, "refused", &[]);
    let server = strict_2x();
    server.set_retention("logs", HOUR, HOUR);
    keeps_an_hour(&url(server.port()), Strict2::TOKEN, "refused", &[]);
    for (version, limits) in [("3.6.0", &SHORT[..]), ("3.10.0", &[])] {
        let server = strict_3x(version);
        server.write("logs", "something value=1 1");
        server.set_retention("logs", HOUR);
        keeps_an_hour(&url(server.port()), Strict3::TOKEN, "hidden", limits);
    }
}

#[test]
fn a_hash_of_the_other_kind_is_a_warning_on_1_x_and_2_x_and_a_failure_on_3_x() {
    for (there, own, other) in [(AS_FIELD, "field", "tag"), (AS_TAG, "tag", "field")] {
        let one = influxd_1x();
        one.write(there).unwrap();
        let two = strict_2x();
        two.write("logs", there);
        for (server_url, token) in [(one.url(), ADMIN), (url(two.port()), Strict2::TOKEN)] {
            let cell = Cell::new(there, &server_url, token);
            let cell = cell.with("SHIPPER_MSG_HASH_AS", other);
            cell.expect(&[], &["msg_hash"])
                .says("msg_hash", "docs/cardinality.md");
            cell.with("SHIPPER_MSG_HASH_AS", own)
                .expect(&[], &[])
                .says("msg_hash", "as in the lines that are there");
        }
        let three = strict_3x("3.10.0");
        three.write("logs", there);
        let cell = Cell::new(there, &url(three.port()), Strict3::TOKEN);
        let cell = cell.with("SHIPPER_MSG_HASH_AS", other);
        cell.expect(&["msg_hash"], &[])
            .says("msg_hash", &format!("SHIPPER_MSG_HASH_AS={own}"));
        cell.with("SHIPPER_MSG_HASH_AS", own).expect(&[], &[]);
    }
}

#[test]
fn many_series_are_a_warning_with_the_advice_that_fits_before_they_hurt() {
    let one = influxd_1x();
    let cell = Cell::new("1.x", &one.url(), ADMIN);
    one.write(&series(0..49_999)).unwrap();
    cell.expect(&[], &[]).says("cardinality", "49,999");
    one.write(&series(49_999..50_000)).unwrap();
    cell.expect(&[], &["cardinality"])
        .says("cardinality", "50,000 series")
        .says("cardinality", "max-values-per-tag = 0");

    let two = strict_2x();
    let cell = Cell::new("2.x", &url(two.port()), Strict2::TOKEN);
    two.write("logs", &series(0..99_999));
    cell.expect(&[], &[]).says("cardinality", "99,999");
    two.write("logs", &series(99_999..100_000));
    cell.expect(&[], &["cardinality"])
        .says("cardinality", "100,000 series")
        .says("cardinality", "SHIPPER_MSG_HASH_AS=field")
        .says("cardinality", "docs/cardinality.md");
    // No line that is still to come makes one.
    let as_field = cell.with("SHIPPER_MSG_HASH_AS", "field");
    as_field.expect(&[], &["msg_hash"]);
}

#[test]
fn what_a_version_of_3_x_cannot_take_is_said_of_that_version_alone() {
    let server = strict_3x("3.6.0");
    let cell = Cell::new("3.6.0", &url(server.port()), Strict3::TOKEN);
    cell.expect(&[], &SHORT)
        .says("limits", "65,536 bytes")
        .says("limits", "SHIPPER_MAX_MESSAGE_BYTES=65536")
        .says("limits", "closes the connection");
    let cut = cell.with("SHIPPER_MAX_MESSAGE_BYTES", "65536");
    let limits = cut.expect(&[], &SHORT);
    limits.says("limits", "update InfluxDB to 3.10\"");
    let server = strict_3x("3.5.0");
    let cell = Cell::new("3.5.0", &url(server.port()), Strict3::TOKEN);
    cell.with("SHIPPER_MAX_MESSAGE_BYTES", "65536")
        .examine()
        .says("limits", "no line is too long");
    let server = strict_3x("3.10.0");
    Cell::new("3.10.0", &url(server.port()), Strict3::TOKEN)
        .expect(&[], &[])
        .says("limits", "no line is too long");
}
