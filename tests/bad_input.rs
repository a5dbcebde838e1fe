//! What is wrong with a host is said once, clearly, with what fixes it and the right exit code; nothing is lost by it.

mod common;

use common::Host;
use support::endpoint::Endpoint;
use support::journal::{busy, write_journal};

const TOKEN: &str = "t0k3n-that-must-not-be-seen";

fn host(endpoint: &Endpoint) -> Host {
    let host = Host::new(&endpoint.url(), "v2", TOKEN);
    std::fs::create_dir_all(host.path("journal")).unwrap();
    write_journal(&host.path("journal/system.journal"), busy(10)).unwrap();
    host
}

/// Runs `arguments`, which must fail with `code`, and returns what it said.
fn fail(host: &Host, arguments: &str, code: i32) -> String {
    let output = host.run(arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(!said.contains(TOKEN), "the token is shown: {said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

#[test]
fn missing_and_wrong_keys_end_with_2_and_are_all_named() {
    let endpoint = Endpoint::start().unwrap();
    let mut host = host(&endpoint);
    host.unset("INFLUXDB_BUCKET");
    host.set("SHIPPER_GZIP", "maybe");
    host.set("SHIPPER_GIZP", "on");
    let said = fail(&host, "run --once", 2);
    for expected in [
        "INFLUXDB_BUCKET is not set",
        "SHIPPER_GZIP=\"maybe\"",
        "did you mean SHIPPER_GZIP?",
    ] {
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    let endpoint = Endpoint::start().unwrap();
    let host = host(&endpoint);
    for arguments in [
        "",
        "frobnicate",
        "run --twice",
        "replay --since yesterday",
        "--set NOVALUE spool stats",
    ] {
        fail(&host, arguments, 2);
    }
}

#[test]
fn a_journal_that_is_not_there_is_named_with_the_key_that_mends_it() {
    let endpoint = Endpoint::start().unwrap();
    for reader in ["files", "journalctl", "auto"] {
        let mut host = host(&endpoint);
        host.set("SHIPPER_JOURNAL_DIR", "/nonexistent/journal");
        host.set("SHIPPER_JOURNAL_READER", reader);
        let said = fail(&host, "run --once", 1);
        assert!(
            said.contains("/nonexistent/journal") && said.contains("SHIPPER_JOURNAL_DIR"),
            "{said}"
        );
    }
}

#[test]
fn the_readers_of_0_1_mean_files_and_the_one_that_is_gone_is_said_once() {
    for (reader, warnings) in [("auto", 0), ("libsystemd", 1), ("files", 0)] {
        let endpoint = Endpoint::start().unwrap();
        let mut host = host(&endpoint);
        host.set("SHIPPER_JOURNAL_READER", reader);
        let output = host.command("run --once").output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        assert!(said.contains("reading the journal with files"), "{said}");
        let warned = said
            .matches("SHIPPER_JOURNAL_READER=libsystemd means files")
            .count();
        assert_eq!(warned, warnings, "{said}");
        assert_eq!(
            endpoint.points(support::endpoint::Points::messages).len(),
            10
        );
    }
}

#[test]
fn a_locked_spool_is_named_with_its_holder_and_nothing_is_lost() {
    let endpoint = Endpoint::start().unwrap();
    endpoint.set_down(true);
    let mut host = host(&endpoint);
    let running = host.start("run");
    host.until("all is spooled", |stats| {
        stats["spool"]["ledger"]["read"].as_u64() >= Some(10)
    });
    // A second shipper that does not find the first one's socket.
    let socket = host.path("other.sock");
    host.set("SHIPPER_CONTROL_SOCKET", socket.to_str().unwrap());
    for arguments in ["run --once", "spool stats"] {
        let said = fail(&host, arguments, 1);
        assert!(
            said.contains("in use") && said.contains(&running.0.id().to_string()),
            "{said}"
        );
    }
    running.terminate();
    endpoint.set_down(false);
    host.succeed("run --once");
    assert_eq!(host.ledger("delivered"), host.ledger("read"));
}

#[test]
fn a_spool_that_is_not_there_is_not_made_by_looking_at_it() {
    let endpoint = Endpoint::start().unwrap();
    let host = host(&endpoint);
    let said = fail(&host, "spool stats", 1);
    assert!(said.contains("there is no spool at"), "{said}");
    assert!(!host.path("spool").exists());
}

#[test]
fn a_second_service_is_refused_while_the_first_one_listens() {
    let endpoint = Endpoint::start().unwrap();
    let mut host = host(&endpoint);
    let running = host.start("run");
    host.until("it answers", |_| true);
    let spool = host.path("spool-2");
    host.set("SHIPPER_SPOOL_DIR", spool.to_str().unwrap());
    let said = fail(&host, "run", 1);
    assert!(said.contains("another shipper already listens"), "{said}");
    let said = fail(&host, "spool stats", 1);
    assert!(
        said.contains("set SHIPPER_CONTROL_SOCKET or SHIPPER_SPOOL_DIR"),
        "{said}"
    );
    running.terminate();
}

#[test]
fn the_token_is_in_no_output_at_the_most_talkative_level() {
    let endpoint = Endpoint::start().unwrap();
    endpoint.script([
        Some(support::endpoint::Fault::Status(401)),
        Some(support::endpoint::Fault::Status(503)),
    ]);
    let mut host = host(&endpoint);
    host.set("SHIPPER_LOG", "trace");
    let output = host.run("run --once");
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.len() > 1000, "trace says something");
    assert!(!said.contains(TOKEN), "the token is shown");
}
