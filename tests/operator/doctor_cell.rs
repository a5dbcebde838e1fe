//! A host that has read nothing yet before a server, and what `doctor` says of it.

use serde_json::Value;
use support::influxd::{Influxd1, Settings};
use support::strict::{Rights, Strict2, Strict3};

use crate::common::Host;
use crate::common::proxy::{Proxy, Rules};

/// The checks that a server is asked for.
const CHECKS: [&str; 9] = [
    "token",
    "server",
    "write access",
    "read access",
    "bucket",
    "retention",
    "msg_hash",
    "cardinality",
    "limits",
];

/// A token that no server knows.
pub(crate) const WRONG: &str = "nobody:kn0ws";

/// What 3.6.0 cannot take.
pub(crate) const SHORT: [&str; 1] = ["limits"];

/// A host that has read nothing yet, and the name of what is tried.
pub(crate) struct Cell {
    name: String,
    pub(crate) host: Host,
}

/// What `doctor` found.
pub(crate) struct Findings {
    name: String,
    findings: Vec<Value>,
}

impl Cell {
    pub(crate) fn new(name: &str, url: &str, token: &str) -> Self {
        let mut host = Host::new(url, "auto", token);
        host.unset("INFLUXDB_API");
        std::fs::create_dir(host.path("journal")).unwrap();
        Self {
            name: name.to_owned(),
            host,
        }
    }

    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        self.host.set(key, value);
        self
    }

    pub(crate) fn without(mut self, key: &str) -> Self {
        self.host.unset(key);
        self
    }

    pub(crate) fn examine(&self) -> Findings {
        let output = self.host.run("doctor --json");
        let text = self.host.run("doctor");
        for bytes in [&output.stdout, &output.stderr, &text.stdout, &text.stderr] {
            let said = String::from_utf8_lossy(bytes);
            for secret in ["kn0ws", "s3cret", Strict2::TOKEN, Strict3::TOKEN] {
                assert!(!said.contains(secret), "{}: {said}", self.name);
            }
        }
        let findings: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        for finding in &findings {
            assert_eq!(finding["fix"].is_null(), finding["grade"] == "pass");
        }
        Findings {
            name: self.name.clone(),
            findings,
        }
    }

    /// Exactly these checks of the server fail and warn.
    pub(crate) fn expect(&self, fail: &[&str], warn: &[&str]) -> Findings {
        let found = self.examine();
        let all = format!("{}: {:#?}", found.name, found.findings);
        assert_eq!(found.of("fail"), fail, "fail of {all}");
        assert_eq!(found.of("warn"), warn, "warn of {all}");
        found
    }
}

impl Findings {
    fn of(&self, grade: &str) -> Vec<&str> {
        let of_grade = self.findings.iter();
        let of_grade = of_grade.filter(|finding| finding["grade"] == grade);
        let checks = of_grade.map(|finding| finding["check"].as_str().unwrap());
        checks.filter(|check| CHECKS.contains(check)).collect()
    }

    /// What was found by the check, and what fixes it, has these words.
    pub(crate) fn says(&self, check: &str, words: &str) -> &Self {
        let mut findings = self.findings.iter();
        let finding = findings.find(|finding| finding["check"] == check);
        let finding = finding.unwrap_or_else(|| panic!("{}: no {check}", self.name));
        let text = format!("{}, {}", finding["found"], finding["fix"]);
        assert!(text.contains(words), "{}: {check}: {text}", self.name);
        self
    }
}

/// 1.6.7 with users that may read, write or both.
pub(crate) fn influxd_1x() -> Influxd1 {
    let settings = Settings {
        auth: Some("admin:s3cret".to_owned()),
        ..Settings::default()
    };
    let server = Influxd1::start(settings).unwrap();
    for (user, right) in [("writer", "WRITE"), ("reader", "READ")] {
        server.influxql(&format!("CREATE USER {user} WITH PASSWORD 's3cret'"));
        server.influxql(&format!("GRANT {right} ON logs TO {user}"));
    }
    server
}

pub(crate) fn strict_2x() -> Strict2 {
    let server = Strict2::start().unwrap();
    server.add_token("writer:s3cret", Rights::WriteOnly);
    server.add_token("reader:s3cret", Rights::ReadOnly);
    server
}

pub(crate) fn strict_3x(version: &str) -> Strict3 {
    let server = Strict3::start(version).unwrap();
    server.add_token("writer:s3cret", Rights::WriteOnly);
    server.add_token("reader:s3cret", Rights::ReadOnly);
    server
}

pub(crate) fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

pub(crate) fn behind(port: u16, token: &str, rules: Rules) -> Behind {
    let proxy = Proxy::start(port, rules);
    let name = format!("{rules:?}");
    Behind {
        cell: Cell::new(&name, &proxy.url(), token),
        _proxy: proxy,
    }
}

/// A server behind a proxy.
pub(crate) struct Behind {
    cell: Cell,
    _proxy: Proxy,
}

impl std::ops::Deref for Behind {
    type Target = Cell;

    fn deref(&self) -> &Cell {
        &self.cell
    }
}
