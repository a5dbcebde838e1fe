//! Every command against a running service and against a stopped one.

use serde_json::Value;
use support::endpoint::Endpoint;
use support::journal::{Entry, busy, write_journal};

use crate::common::Host;
use crate::host;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// What every command has to do, whether the service runs or not: 300 entries and a snapshot are delivered.
fn every_command_works(host: &Host, endpoint: &Endpoint) {
    let stats = json(&host.succeed("spool stats --json"));
    assert!(
        stats["spool"]["ledger"]["delivered"].as_u64() >= Some(301),
        "{stats}"
    );
    let table = host.succeed("spool stats");
    assert!(
        table.starts_with("Ledger\n") && !table.contains('\x1b'),
        "{table}"
    );

    let listed = json(&host.succeed("spool ls --limit 0 --state delivered --json"));
    assert!(listed.as_array().unwrap().len() >= 301);
    assert_eq!(
        json(&host.succeed("spool ls --limit 7 --json"))
            .as_array()
            .unwrap()
            .len(),
        7
    );
    assert_eq!(host.succeed("spool ls --limit 7").lines().count(), 7);
    let hash = listed[0]["hash"].as_str().unwrap();
    let shown = json(&host.succeed(&format!("spool show {hash} --json")));
    assert_eq!(shown, listed[0]);
    assert!(
        host.succeed(&format!("spool show {}", &hash[..16]))
            .contains(hash)
    );
    assert_eq!(
        host.run("spool show 0123456789abcdef0123").status.code(),
        Some(1)
    );
    assert_eq!(host.run("spool show xyz").status.code(), Some(2), "no hash");

    let exported = host.succeed("spool export --state delivered");
    let points = influxdb_line_protocol::parse_lines(&exported).map(Result::unwrap);
    let logs = points
        .filter(|point| point.series.measurement == "ollama_logs")
        .count();
    assert_eq!(logs, 300);

    assert!(
        host.succeed("spool verify")
            .contains("all generations are sound")
    );
    assert!(
        !json(&host.succeed("spool verify --json"))
            .as_array()
            .unwrap()
            .is_empty()
    );
    assert!(
        host.succeed("quarantine ls")
            .contains("nothing is in quarantine")
    );
    assert!(
        host.succeed("quarantine drop --all")
            .starts_with("0 entries given up")
    );
    assert!(
        host.succeed("replay --dry-run")
            .contains("would be sent again")
    );
    let backfilled = json(&host.succeed("backfill --since 2000-01-01 --json"));
    assert_eq!(backfilled["phase"], "done", "{backfilled}");
    assert_eq!(
        (backfilled["read"].as_u64(), backfilled["new"].as_u64()),
        (Some(300), Some(0))
    );

    let doctor = host.run("doctor --json");
    let findings = json(std::str::from_utf8(&doctor.stdout).unwrap());
    for check in [
        "configuration",
        "unit",
        "journal",
        "models",
        "service",
        "spool",
        "free space",
        "token",
        "server",
        "write access",
        "retention",
        "cardinality",
        "clock",
    ] {
        let found = findings
            .as_array()
            .unwrap()
            .iter()
            .any(|finding| finding["check"] == check);
        assert!(found, "{check} is missing: {findings}");
    }
    assert_eq!(endpoint.points(|points| points.overwritten), 0);
}

#[test]
fn every_command_works_through_a_running_service() {
    let endpoint = Endpoint::start().unwrap();
    let host = host(&endpoint, busy(300));
    let running = host.start("run");
    host.until("all is delivered", |stats| {
        stats["spool"]["ledger"]["delivered"].as_u64() >= Some(301)
    });
    every_command_works(&host, &endpoint);
    let status = host.run("status");
    assert_eq!(status.status.code(), Some(0));
    assert!(
        String::from_utf8(status.stdout)
            .unwrap()
            .contains("nothing pending")
    );
    assert!(host.succeed("replay --wait").contains("pending again"));
    assert_eq!(host.ledger("pending"), 0);
    running.terminate();
}

#[test]
fn every_command_works_on_the_spool_of_a_stopped_service() {
    let endpoint = Endpoint::start().unwrap();
    let host = host(&endpoint, busy(300));
    host.succeed("run --once");
    every_command_works(&host, &endpoint);
    let status = host.run("status");
    assert_eq!(status.status.code(), Some(3), "nobody ships: unhealthy");
    assert!(
        String::from_utf8(status.stdout)
            .unwrap()
            .contains("not running")
    );
    assert_eq!(
        host.run("replay --wait").status.code(),
        Some(1),
        "nobody to wait for"
    );
}

#[test]
fn backfill_adds_what_the_spool_lacks_and_nothing_else() {
    for running in [true, false] {
        let endpoint = Endpoint::start().unwrap();
        let mut host = host(&endpoint, busy(50));
        host.set("SHIPPER_LOOKBACK", "0s");
        host.succeed("run --once");
        assert_eq!(
            host.ledger("read"),
            1,
            "only the snapshot: the entries are older than the lookback"
        );
        let service = running.then(|| host.start("run"));
        if running {
            host.until("it answers", |_| true);
        }
        let first = json(&host.succeed("backfill --since 2000-01-01 --json"));
        assert_eq!(
            (first["read"].as_u64(), first["new"].as_u64()),
            (Some(50), Some(50))
        );
        let again = json(&host.succeed("backfill --since 2000-01-01 --json"));
        assert_eq!(
            (again["read"].as_u64(), again["new"].as_u64()),
            (Some(50), Some(0))
        );
        drop(service);
        host.succeed("run --once");
        assert_eq!(endpoint.points(|points| points.messages().len()), 50);
    }
}

#[test]
fn gaps_in_influxdb_are_found_by_the_hour_and_only_those_are_sent_again() {
    for server in support::influxd::servers() {
        let mut host = Host::new(&server.url(), server.api(), &server.token());
        host.set("INFLUXDB_ORG", &server.org());
        host.set("INFLUXDB_BUCKET", &server.bucket());
        std::fs::create_dir_all(host.path("journal")).unwrap();
        write_journal(&host.path("journal/system.journal"), busy(100)).unwrap();
        host.succeed("run --once");
        assert!(
            host.succeed("replay --gaps --dry-run")
                .starts_with("0 delivered entries")
        );
    }
}

/// What every record of the ledger adds up to.
fn sums(host: &Host) -> u64 {
    let stats = host.stats();
    let ledger = &stats["spool"]["ledger"];
    let count = |name: &str| ledger[name].as_u64().unwrap();
    let read = count("read");
    let standing = ["delivered", "pending", "quarantined", "expired"].map(count);
    assert_eq!(read, standing.iter().sum::<u64>(), "{ledger}");
    read
}

#[test]
fn verify_names_what_is_damaged_and_repair_puts_it_aside_and_loses_nothing() {
    const ENTRIES: u64 = 100;
    let endpoint = Endpoint::start().unwrap();
    // Enough for a sealed generation of 8 MiB and an active one.
    let entries = (0..ENTRIES).map(|n| {
        let long = format!("{n} {}", "x".repeat(100_000));
        Entry::line(crate::now() - 1_000_000 + n, long)
    });
    let host = host(&endpoint, entries.collect::<Vec<_>>());
    endpoint.set_down(true);
    let running = host.start("run");
    host.until("all is read", |stats| {
        stats["spool"]["ledger"]["pending"].as_u64() >= Some(ENTRIES + 1)
    });
    running.kill();
    assert!(
        host.succeed("spool verify")
            .contains("all generations are sound")
    );
    let read = sums(&host);

    let db = host.path("spool/gen-0000000001/db");
    let mut bytes = std::fs::read(&db).unwrap();
    let quarter = bytes.len() / 4;
    bytes[quarter..3 * quarter].fill(0);
    std::fs::write(&db, bytes).unwrap();
    for (arguments, words) in [
        ("spool verify", "run it again with --repair"),
        ("spool verify --repair", "were put aside"),
    ] {
        let verified = host.run(arguments);
        assert_eq!(verified.status.code(), Some(3), "{arguments}");
        let told = String::from_utf8(verified.stdout).unwrap();
        assert!(
            told.contains("gen-0000000001 ") && told.contains(words),
            "{told}"
        );
    }
    assert!(
        host.succeed("spool verify")
            .contains("all generations are sound")
    );
    assert!(sums(&host) < read, "what was undelivered is no longer read");
    let names = std::fs::read_dir(host.path("spool")).unwrap();
    let aside = names.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy()
            .starts_with("damaged-gen-0000000001-")
    });
    assert_eq!(aside.count(), 1);

    endpoint.set_down(false);
    host.succeed("run --once");
    assert!(sums(&host) >= read, "it was read again");
    assert_eq!(
        endpoint.points(|points| points.messages().len() as u64),
        ENTRIES
    );

    // What opening repairs by itself is said, too.
    std::fs::write(host.path("spool/MANIFEST"), b"garbage").unwrap();
    let verified = host.run("spool verify");
    let told = String::from_utf8(verified.stderr).unwrap();
    assert_eq!(verified.status.code(), Some(3), "{told}");
    assert!(
        told.contains("made again from its generations") && told.contains("repaired on opening"),
        "{told}"
    );
    sums(&host);
}

#[test]
fn completions_and_man_pages_are_generated() {
    let endpoint = Endpoint::start().unwrap();
    let host = host(&endpoint, busy(0));
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            host.succeed(&format!("completions {shell}"))
                .contains("quarantine"),
            "{shell}"
        );
    }
    let directory = host.path("man");
    host.succeed(&format!("man {}", directory.display()));
    for page in ["shipper.1", "shipper-spool-ls.1", "shipper-doctor.1"] {
        let text = std::fs::read_to_string(directory.join(page)).unwrap();
        assert!(text.starts_with(".ie") && text.contains(".TH"), "{page}");
    }
    let text = std::fs::read_to_string(directory.join("shipper.1")).unwrap();
    for key in shipper::config::KEYS {
        assert!(text.contains(&format!("\\fB{}\\fR", key.name)), "{key:?}");
    }
}
