//! What operators do about refused and lost lines, through the command line, with a real InfluxDB 1.6.7 that asks for a
//! password: with the service running and with its spool alone. No output of any kind may hold the password.

use std::cell::RefCell;
use std::process::Output;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use support::influxd::{Influxd1, Server as _, Settings};
use support::journal::{Entry, write_journal};

use super::rig::base_time;
use crate::common::{Host, Running, wait_until};

const PASSWORD: &str = "s3cret-that-must-not-be-seen";
const DAY: u64 = 24 * 3_600_000_000;

/// A host, its server, and everything that was ever printed.
struct Scene {
    server: Influxd1,
    host: Host,
    service: Option<Running>,
    printed: RefCell<Vec<u8>>,
}

impl Scene {
    /// 40 lines older than the server keeps, and 60 that it takes.
    fn new() -> Self {
        let server = Influxd1::start(Settings {
            auth: Some(format!("admin:{PASSWORD}")),
            ..Settings::default()
        })
        .unwrap();
        server.influxql(
            "CREATE RETENTION POLICY short ON logs DURATION 2h REPLICATION 1 SHARD DURATION 1h",
        );
        let mut host = Host::new(&server.url(), "v1", &format!("admin:{PASSWORD}"));
        host.set("INFLUXDB_BUCKET", "logs/short");
        host.set("SHIPPER_TELEMETRY", "off");
        host.set("SHIPPER_BATCH_LINGER", "100ms");
        std::fs::create_dir_all(host.path("journal")).unwrap();
        let lines = |first: u64, count: u64, name: &'static str| {
            (0..count).map(move |line| Entry::line(first + line, format!("{name} {line}")))
        };
        let (old, new) = (base_time() - DAY, base_time());
        let journal = lines(old, 40, "old").chain(lines(new, 60, "new"));
        write_journal(&host.path("journal/system.journal"), journal).unwrap();
        Self {
            server,
            host,
            service: None,
            printed: RefCell::default(),
        }
    }

    fn run(&self, arguments: &str) -> Output {
        let output = self.host.run(arguments);
        let mut printed = self.printed.borrow_mut();
        printed.extend_from_slice(&output.stdout);
        printed.extend_from_slice(&output.stderr);
        output
    }

    fn succeed(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.succeed(arguments)).unwrap()
    }

    fn ledger(&self, name: &str) -> u64 {
        self.json("spool stats --json")["spool"]["ledger"][name]
            .as_u64()
            .unwrap()
    }

    /// Lines that the server holds.
    fn stored(&self) -> u64 {
        let answer = self
            .server
            .influxql("SELECT count(message) FROM logs.short.ollama_logs");
        answer["results"][0]["series"][0]["values"][0][1]
            .as_u64()
            .unwrap_or(0)
    }

    /// Waits until the service, or one run where there is none, has nothing left to send.
    fn settle(&self) {
        if self.service.is_none() {
            self.succeed("run --once");
        }
        wait_until("nothing is pending", || {
            let output = self.run("spool stats --json");
            let stats = serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default();
            stats["spool"]["ledger"]["pending"] == 0
                && stats["spool"]["ledger"]["read"].as_u64() >= Some(101)
        });
        let [read, delivered, quarantined, expired] =
            ["read", "delivered", "quarantined", "expired"].map(|name| self.ledger(name));
        assert_eq!(read, delivered + quarantined + expired);
    }

    fn refused_lines_are_told_dropped_and_tried_again(&self) {
        assert_eq!((self.stored(), self.ledger("quarantined")), (60, 40));
        let table = self.succeed("quarantine ls");
        assert!(
            table.contains("old 0") && table.contains("beyond retention"),
            "{table}"
        );
        let list = self.json("quarantine ls --limit 0 --json");
        assert_eq!(list.as_array().unwrap().len(), 40);
        let hash = list[7]["hash"].as_str().unwrap();
        let shown = self.succeed(&format!("quarantine show {hash}"));
        assert!(
            shown.contains(list[7]["message"].as_str().unwrap())
                && shown.contains("beyond retention"),
            "{shown}"
        );
        let dropped = self.succeed(&format!("quarantine drop {hash}"));
        assert!(dropped.starts_with("1 entry given up"), "{dropped}");
        assert_eq!(
            (self.ledger("quarantined"), self.ledger("expired")),
            (39, 1)
        );
        self.server
            .influxql("ALTER RETENTION POLICY short ON logs DURATION INF");
        let replayed = self.succeed("replay --quarantined");
        assert!(
            replayed.starts_with("39 entries in quarantine"),
            "{replayed}"
        );
        self.settle();
        assert_eq!((self.stored(), self.ledger("quarantined")), (99, 0));
    }

    fn hours_that_the_server_lost_are_sent_again(&self) {
        let end = (base_time() - DAY / 2) * 1000;
        self.server
            .influxql(&format!("DELETE FROM ollama_logs WHERE time < {end}"));
        assert_eq!(self.stored(), 60);
        let planned = self.succeed("replay --gaps --dry-run");
        assert!(planned.contains("InfluxDB has 0 of 39"), "{planned}");
        assert_eq!(self.ledger("pending"), 0);
        let table = self.succeed("replay --gaps");
        assert!(
            table.contains("InfluxDB has 0 of 39") && table.contains("39 delivered entries"),
            "{table}"
        );
        self.settle();
        assert_eq!(self.stored(), 99);
        let again = self.succeed("replay --gaps");
        assert!(again.starts_with("0 delivered entries"), "{again}");
    }

    /// Also what is said when the server is gone, or does not know the password.
    fn the_password_was_never_printed(mut self) {
        self.host
            .set("INFLUXDB_TOKEN", &format!("admin:{PASSWORD}-not"));
        let refused = self.run("replay --gaps");
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        self.server.kill().unwrap();
        let gone = self.run("replay --gaps");
        assert_eq!(gone.status.code(), Some(1), "{gone:?}");
        self.run("status");
        self.run("doctor");
        if let Some(service) = self.service.take() {
            service.terminate();
        }
        let mut printed = self.printed.into_inner();
        printed.extend(std::fs::read(self.host.path("shipper.log")).unwrap_or_default());
        let printed = String::from_utf8_lossy(&printed);
        assert!(printed.contains("InfluxDB"), "nothing was printed");
        // As it is, and as HTTP carries it.
        let carried = STANDARD.encode(format!("admin:{PASSWORD}"));
        for secret in [PASSWORD, carried.trim_end_matches('=')] {
            assert!(!printed.contains(secret), "{printed}");
        }
    }
}

#[test]
fn refused_and_lost_lines_are_fixed_from_the_command_line_of_a_running_service() {
    let mut scene = Scene::new();
    scene.host.set("SHIPPER_LOG", "trace");
    scene.service = Some(scene.host.start("run"));
    scene.settle();
    scene.refused_lines_are_told_dropped_and_tried_again();
    scene.hours_that_the_server_lost_are_sent_again();
    scene.the_password_was_never_printed();
}

#[test]
fn refused_and_lost_lines_are_fixed_from_the_command_line_without_a_service() {
    let scene = Scene::new();
    scene.settle();
    scene.refused_lines_are_told_dropped_and_tried_again();
    scene.hours_that_the_server_lost_are_sent_again();
    scene.the_password_was_never_printed();
}

#[test]
fn a_period_that_ends_within_an_hour_hides_no_gap_of_that_hour() {
    const HOUR: u64 = 3_600_000_000;
    let server = Influxd1::start(Settings::default()).unwrap();
    let mut host = Host::new(&server.url(), "v1", &server.token());
    host.set("INFLUXDB_BUCKET", &server.bucket());
    std::fs::create_dir_all(host.path("journal")).unwrap();
    let hour = (base_time() / HOUR - 10) * HOUR;
    let half = hour + HOUR / 2;
    let lines = |begin: u64| (0..10).map(move |n| Entry::line(begin + n, format!("line {n}")));
    let journal = lines(hour).chain(lines(half));
    write_journal(&host.path("journal/system.journal"), journal).unwrap();
    host.succeed("run --once");
    assert_eq!(server.count("ollama_logs"), 20);

    let lost = (half + 5) * 1000;
    server.influxql(&format!("DELETE FROM ollama_logs WHERE time >= {lost}"));
    assert_eq!(server.count("ollama_logs"), 15);
    let time = |micros: u64| shipper::base::when::When(micros).to_rfc3339();
    // Ten were delivered in either half of the hour, and the server has more than that of the whole hour.
    for period in [
        format!("--since {}", time(half)),
        format!("--until {}", time(half)),
        format!("--since {} --until {}", time(hour + 1), time(half)),
    ] {
        let planned = host.succeed(&format!("replay --gaps --dry-run {period}"));
        assert!(
            planned.contains("InfluxDB has 15 of 20") && planned.contains("20 delivered entries"),
            "{period}: {planned}"
        );
    }
    host.succeed(&format!("replay --gaps --since {}", time(half)));
    host.succeed("run --once");
    assert_eq!(server.count("ollama_logs"), 20);
}
