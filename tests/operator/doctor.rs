//! What `doctor` says of servers: a real InfluxDB 1.x that wants a password, and one that speaks 2.x.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use support::endpoint::{Bucket, Endpoint, Fault};
use support::influxd::{Influxd1, Server as _, Settings};
use support::journal::{Entry, busy, write_journal};

use crate::common::Host;
use crate::host;

/// The findings of `doctor`, by check.
struct Findings(Value);

impl Findings {
    fn of(host: &Host) -> Self {
        let output = host.run("doctor --json");
        let findings: Value = serde_json::from_slice(&output.stdout).unwrap();
        let failed = findings
            .as_array()
            .unwrap()
            .iter()
            .any(|finding| finding["grade"] == "fail");
        assert_eq!(output.status.code(), Some(if failed { 3 } else { 0 }));
        Self(findings)
    }

    /// Holds the check to a grade, and what was found to contain `words`; a failure has a fix.
    fn expect(&self, check: &str, grade: &str, words: &str) {
        let mut findings = self.0.as_array().unwrap().iter();
        let finding = findings
            .find(|finding| finding["check"] == check)
            .unwrap_or_else(|| panic!("{check} is missing: {}", self.0));
        assert_eq!(finding["grade"], grade, "{finding}");
        assert!(
            finding["found"].as_str().unwrap().contains(words),
            "{finding}"
        );
        assert_eq!(finding["fix"].is_null(), grade == "pass", "{finding}");
        // The name of 0.1.
        assert_eq!(finding["mend"], finding["fix"]);
    }
}

#[test]
fn a_real_server_with_a_password_is_told_right_from_wrong() {
    let settings = Settings {
        auth: Some("admin:s3cret".to_owned()),
        ..Settings::default()
    };
    let server = Influxd1::start(settings).unwrap();
    server.influxql("CREATE USER reader WITH PASSWORD 'r3ad'");
    server.influxql("GRANT READ ON logs TO reader");
    let mut host = Host::new(&server.url(), "v1", &server.token());
    host.set("INFLUXDB_BUCKET", "logs");
    std::fs::create_dir(host.path("journal")).unwrap();

    let good = Findings::of(&host);
    good.expect("server", "pass", "InfluxDB 1.");
    good.expect("write access", "pass", "may write");
    good.expect("retention", "pass", "keeps everything");
    good.expect("cardinality", "pass", "0 series");

    host.set("INFLUXDB_TOKEN", "admin:wr0ng");
    let wrong_password = Findings::of(&host);
    wrong_password.expect("server", "pass", "answers");
    wrong_password.expect("write access", "fail", "authorization failed");
    let text = host.run("doctor");
    assert!(!String::from_utf8_lossy(&text.stdout).contains("wr0ng"));

    host.set("INFLUXDB_TOKEN", "reader:r3ad");
    Findings::of(&host).expect("write access", "fail", "not authorized");

    // A backlog that is older than anything the bucket keeps, behind a server that refuses it.
    let entry = Entry::line(crate::now() - 3 * 3_600_000_000, "old");
    write_journal(&host.path("journal/system.journal"), [entry]).unwrap();
    server.influxql("ALTER RETENTION POLICY autogen ON logs DURATION 1h SHARD DURATION 1h");
    let running = host.start("run");
    host.until("it is refused", |stats| {
        stats["service"]["forwarder"]["server"] == "on_hold"
            && stats["spool"]["ledger"]["pending"] == 2
    });
    host.set("INFLUXDB_TOKEN", "admin:s3cret");
    let too_late = Findings::of(&host);
    too_late.expect("service", "fail", "InfluxDB refuses");
    too_late.expect("retention", "fail", "the oldest pending entry is 3 h old");
    running.terminate();

    host.set("INFLUXDB_BUCKET", "nowhere");
    let no_database = Findings::of(&host);
    no_database.expect("write access", "fail", "database not found");
    no_database.expect("retention", "warn", "cannot be read");
}

#[test]
fn a_server_of_2_x_is_asked_for_everything_and_each_refusal_is_named() {
    let endpoint = Endpoint::start().unwrap();
    endpoint.set_bucket(bucket("org", "logs"));
    let host = host(&endpoint, busy(1));
    let good = Findings::of(&host);
    good.expect("server", "pass", "answers");
    good.expect("write access", "pass", "may write");
    good.expect("read access", "pass", "may read");
    good.expect("bucket", "pass", "exists");
    good.expect("retention", "pass", "keeps everything");
    good.expect("msg_hash", "pass", "no line is there");
    good.expect("cardinality", "pass", "0 series");

    let greeting = None;
    for (status, words) in [(401, "401"), (404, "404"), (503, "503")] {
        endpoint.script([greeting.clone(), Some(Fault::Status(status))]);
        let refused = Findings::of(&host);
        refused.expect("server", "pass", "answers");
        refused.expect("write access", "fail", words);
    }
    endpoint.script([Some(Fault::Portal)]);
    endpoint.set_down(true);
    Findings::of(&host).expect("server", "fail", "");
}

const ORG_ID: &str = "00000000000000a1";
const BUCKET_ID: &str = "00000000000000b2";

/// A bucket that keeps everything.
fn bucket(org: &str, name: &str) -> Bucket {
    Bucket {
        org: org.to_owned(),
        org_id: ORG_ID.to_owned(),
        name: name.to_owned(),
        id: BUCKET_ID.to_owned(),
        keeps: 0,
        shard: 3600,
    }
}

#[test]
fn how_long_a_bucket_keeps_points_is_told_by_name_and_by_id() {
    let endpoint = Endpoint::start().unwrap();
    endpoint.set_bucket(Bucket {
        keeps: 86_400,
        ..bucket("my org", "lögs")
    });
    let mut host = host(&endpoint, busy(1));
    host.set("SHIPPER_LOOKBACK", "12h");
    for org in ["my org", ORG_ID] {
        host.set("INFLUXDB_ORG", org);
        for bucket in ["lögs", BUCKET_ID] {
            host.set("INFLUXDB_BUCKET", bucket);
            Findings::of(&host).expect("retention", "pass", "keeps 1 d");
        }
        host.set("INFLUXDB_BUCKET", "00000000000000ff");
        Findings::of(&host).expect("retention", "warn", "not found");
    }
}

#[test]
fn what_others_could_read_or_replace_is_said_and_only_while_they_can() {
    let allow = |path: std::path::PathBuf, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let endpoint = Endpoint::start().unwrap();
    let mut host = host(&endpoint, busy(5));
    host.succeed("run --once");
    allow(host.path(""), 0o755);
    for name in ["token", "ca.pem", "config.env"] {
        fs::write(host.path(name), "t0k3n").unwrap();
        allow(host.path(name), 0o640);
    }
    let text = |host: &Host, name: &str| host.path(name).to_str().unwrap().to_owned();
    let expect = |host: &Host, grade: &str, words: &str| {
        let findings = Findings::of(host);
        findings.expect("permissions", grade, words);
        let all = findings.0.as_array().unwrap().iter();
        let said = all.filter(|finding| finding["check"] == "permissions");
        assert_eq!(said.count(), 1, "{}", findings.0);
    };
    fs::write(host.path("config.env"), "").unwrap();
    expect(&host, "pass", "nobody else");
    Findings::of(&host).expect("encryption", "pass", "on this host");

    // Root's own would not be touched at all.
    let spool = text(&host, "spool");
    host.shell(&format!("chown -R nobody {spool} || true"))
        .status()
        .unwrap();
    allow(host.path("spool"), 0o757);
    expect(&host, "warn", "everybody may write to");
    fs::remove_dir_all(host.path("spool")).unwrap();

    host.unset("INFLUXDB_TOKEN");
    fs::write(host.path("config.env"), "INFLUXDB_TOKEN=t0k3n\n").unwrap();
    expect(&host, "pass", "nobody else");
    allow(host.path("config.env"), 0o644);
    expect(&host, "warn", "config.env");
    allow(host.path(""), 0o750);
    expect(&host, "pass", "nobody else");
    allow(host.path(""), 0o755);
    fs::write(host.path("config.env"), "").unwrap();

    host.set("INFLUXDB_TOKEN_FILE", &text(&host, "token"));
    expect(&host, "pass", "nobody else");
    allow(host.path("token"), 0o644);
    expect(&host, "warn", "read the token in");
    allow(host.path("token"), 0o640);

    let certificate = rcgen::generate_simple_self_signed(["influx.invalid".to_owned()]);
    fs::write(host.path("ca.pem"), certificate.unwrap().cert.pem()).unwrap();
    host.set("INFLUXDB_CA_FILE", &text(&host, "ca.pem"));
    expect(&host, "pass", "nobody else");
    allow(host.path("ca.pem"), 0o646);
    expect(&host, "warn", "INFLUXDB_CA_FILE");
    allow(host.path("ca.pem"), 0o644);

    host.set("INFLUXDB_URL", "http://influx.invalid:8086");
    let findings = Findings::of(&host);
    findings.expect("encryption", "warn", "the token as well");
    host.set("INFLUXDB_URL", "https://influx.invalid:8086");
    Findings::of(&host).expect("encryption", "pass", "TLS");
}
