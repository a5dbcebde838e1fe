//! With `INFLUXDB_API=auto`, which is what there is without the key: each server is found out by what it says to `/ping`, and is asked
//! again when another one may be in its place.

use serde_json::Value;
use support::endpoint::Points;
use support::influxd::{Influxd1, Server as _, Settings};
use support::journal::{Entry, write_journal};
use support::strict::{Rights, Strict2, Strict3};

use super::rig::base_time;
use crate::common::proxy::{ALL, Proxy, WRITES_OF_2X, WRITES_OF_2X_OR_502};
use crate::common::{Host, Running};

const V1: &str = "POST /write";
const V2: &str = "POST /api/v2/write";
const V3: &str = "POST /api/v3/write_lp";

/// A host whose token is in a file, and which is told nothing of the server but where it is.
struct Scene {
    host: Host,
    /// Lines that Ollama has logged.
    logged: u64,
}

impl Scene {
    fn new(url: &str, token: &str) -> Self {
        let mut host = Host::new(url, "auto", "");
        for key in ["INFLUXDB_API", "INFLUXDB_TOKEN", "INFLUXDB_ORG"] {
            host.unset(key);
        }
        let token_file = host.path("token");
        host.set("INFLUXDB_TOKEN_FILE", token_file.to_str().unwrap());
        host.set("SHIPPER_TELEMETRY", "off");
        host.set("SHIPPER_BATCH_LINES", "20");
        host.set("SHIPPER_BATCH_LINGER", "50ms");
        std::fs::create_dir_all(host.path("journal")).unwrap();
        let scene = Self { host, logged: 0 };
        scene.set_token(token);
        scene
    }

    fn with_organisation(mut self) -> Self {
        self.host.set("INFLUXDB_ORG", "org");
        self
    }

    fn set_token(&self, token: &str) {
        std::fs::write(self.host.path("token"), token).unwrap();
    }

    /// Has Ollama log so many lines more, no two alike.
    fn log(&mut self, count: u64) {
        let lines = self.logged..self.logged + count;
        let entries =
            lines.map(|line| Entry::line(base_time() + line * 1000, format!("line {line}")));
        let name = format!("journal/from-{}.journal", self.logged);
        write_journal(&self.host.path(&name), entries).unwrap();
        self.logged += count;
    }

    fn run(&self) -> Running {
        self.host.start("run")
    }

    /// Waits until everything that was logged is delivered, and the list of models.
    fn until_delivered(&self) {
        let entries = self.logged + 1;
        self.host.until("everything is delivered", |stats| {
            let ledger = &stats["spool"]["ledger"];
            ledger["pending"] == 0 && ledger["delivered"].as_u64() >= Some(entries)
        });
        let stats = self.host.stats();
        assert_eq!(stats["spool"]["ledger"]["quarantined"], 0, "{stats}");
    }

    /// Waits for a hold with these words, which has the status.
    fn until_held(&self, words: &str) -> Value {
        self.host.until(&format!("a hold: {words}"), |stats| {
            let forwarder = &stats["service"]["forwarder"];
            let error = forwarder["last_error"].as_str().unwrap_or_default();
            forwarder["server"] == "on_hold" && error.contains(words)
        });
        self.host.stats()
    }

    /// What the service says that it speaks to.
    fn speaks(&self, api: &str, version: Option<&str>) {
        let stats = self.host.stats();
        let forwarder = &stats["service"]["forwarder"];
        assert_eq!(forwarder["server_api"], api, "{forwarder}");
        assert_eq!(forwarder["server_version"].as_str(), version, "{forwarder}");
        // Unhealthy while the server takes nothing.
        let told = String::from_utf8(self.host.run("status").stdout).unwrap();
        assert!(told.contains(&format!("by its {api} API")), "{told}");
    }

    fn texts(&self, lines: std::ops::Range<u64>) -> Vec<String> {
        lines.map(|line| format!("line {line}")).collect()
    }
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// The paths by which lines were sent, each once.
fn paths(targets: Vec<String>) -> Vec<String> {
    let mut paths = targets;
    paths.retain(|target| [V1, V2, V3].contains(&target.as_str()));
    paths.sort();
    paths.dedup();
    paths
}

fn texts_of_3x(server: &Strict3) -> Vec<String> {
    let messages = server.points("logs", Points::messages);
    messages.unwrap_or_default()
}

/// What came beside the latest line that was delivered before, with which it is tried whether a server takes lines again.
fn after_the_probe(server: &Strict3) -> Vec<String> {
    let mut texts = texts_of_3x(server);
    texts.retain(|text| text != "line 49");
    texts
}

#[test]
fn each_server_is_written_to_by_its_own_path() {
    let settings = Settings {
        auth: Some("admin:s3cret".to_owned()),
        ..Settings::default()
    };
    let server = Influxd1::start(settings).unwrap();
    let mut scene = Scene::new(&server.url(), "admin:s3cret");
    scene.log(50);
    let running = scene.run();
    scene.until_delivered();
    scene.speaks("v1", Some("1.6.7~rc0"));
    assert_eq!(server.count("ollama_logs"), 50);
    running.terminate();

    let server = Strict2::start().unwrap();
    let mut scene = Scene::new(&url(server.port()), Strict2::TOKEN).with_organisation();
    scene.log(50);
    let running = scene.run();
    scene.until_delivered();
    scene.speaks("v2", Some("2.9.1"));
    assert_eq!(paths(server.targets()), [V2]);
    running.terminate();

    for version in ["3.0.0", "3.6.0", "3.10.0"] {
        let server = Strict3::start(version).unwrap();
        let mut scene = Scene::new(&url(server.port()), Strict3::TOKEN);
        scene.log(50);
        let running = scene.run();
        scene.until_delivered();
        scene.speaks("v3", Some(version));
        assert_eq!(paths(server.targets()), [V3]);
        assert_eq!(texts_of_3x(&server), scene.texts(0..50));
        running.terminate();
    }
}

#[test]
fn a_server_of_another_version_in_its_place_is_found_out_after_an_outage() {
    let mut two = Strict2::start().unwrap();
    let mut scene = Scene::new(&url(two.port()), Strict2::TOKEN).with_organisation();
    let running = scene.run();
    scene.log(50);
    scene.until_delivered();
    scene.speaks("v2", Some("2.9.1"));

    two.stop();
    scene.log(50);
    scene.host.until("it is down", |stats| {
        stats["service"]["forwarder"]["server"] == "down"
    });
    let three = Strict3::start_at(two.port(), "3.10.0").unwrap();
    three.add_token(Strict2::TOKEN, Rights::Full);
    scene.log(50);
    scene.until_delivered();
    scene.speaks("v3", Some("3.10.0"));
    assert_eq!(paths(three.targets()), [V3]);
    let before = two.points("logs", Points::messages);
    assert_eq!(before, scene.texts(0..50));
    assert_eq!(after_the_probe(&three), scene.texts(50..150));
    running.terminate();
}

#[test]
fn a_server_of_another_version_in_its_place_is_found_out_after_a_hold() {
    let mut two = Strict2::start().unwrap();
    let mut scene = Scene::new(&url(two.port()), Strict2::TOKEN).with_organisation();
    let running = scene.run();
    scene.log(50);
    scene.until_delivered();

    two.stop();
    let three = Strict3::start_at(two.port(), "3.6.0").unwrap();
    scene.log(50);
    scene.until_held("INFLUXDB_TOKEN");
    scene.set_token(Strict3::TOKEN);
    scene.until_delivered();
    scene.speaks("v3", Some("3.6.0"));
    let before = two.points("logs", Points::messages);
    assert_eq!(before, scene.texts(0..50));
    assert_eq!(after_the_probe(&three), scene.texts(50..100));
    running.terminate();
}

#[test]
fn a_wrong_token_of_3_x_holds_and_names_itself_until_the_file_has_a_right_one() {
    for is_named in [true, false] {
        let server = Strict3::start("3.10.0").unwrap();
        let mut scene = Scene::new(&url(server.port()), "apiv3_wr0ng");
        if is_named {
            scene = scene.with_organisation();
        }
        scene.log(50);
        let running = scene.run();
        scene.until_held("check INFLUXDB_TOKEN");
        scene.set_token(Strict3::TOKEN);
        scene.until_delivered();
        scene.speaks("v3", Some("3.10.0"));
        assert_eq!(texts_of_3x(&server), scene.texts(0..50));
        running.terminate();
    }
}

#[test]
fn a_hold_does_not_hide_which_server_it_is() {
    let server = Strict3::start("3.10.0").unwrap();
    server.add_token("reader", Rights::ReadOnly);
    let mut scene = Scene::new(&url(server.port()), "reader");
    scene.log(1);
    let running = scene.run();
    scene.until_held("INFLUXDB_TOKEN");
    scene.speaks("v3", Some("3.10.0"));
    running.terminate();
}

#[test]
fn an_organisation_is_wanted_by_2_x_alone_and_a_hold_names_the_key() {
    let server = Strict2::start().unwrap();
    let mut scene = Scene::new(&url(server.port()), Strict2::TOKEN);
    scene.log(1);
    let running = scene.run();
    let held = scene.until_held("INFLUXDB_ORG is not set, and InfluxDB 2.9.1");
    assert_eq!(held["spool"]["ledger"]["pending"], 2, "with the models");
    assert!(paths(server.targets()).is_empty());
    running.terminate();
    let scene = scene.with_organisation();
    let running = scene.run();
    scene.until_delivered();
    running.terminate();
}

#[test]
fn a_proxy_that_passes_only_writes_of_2_x_is_written_to_by_v2() {
    for rules in [WRITES_OF_2X, WRITES_OF_2X_OR_502] {
        let server = Strict2::start().unwrap();
        let proxy = Proxy::start(server.port(), rules);
        let mut scene = Scene::new(&proxy.url(), Strict2::TOKEN).with_organisation();
        scene.log(50);
        let running = scene.run();
        scene.until_delivered();
        scene.speaks("v2", None);
        assert_eq!(paths(server.targets()), [V2]);
        running.terminate();
    }
}

#[test]
fn a_502_of_a_proxy_before_a_server_that_is_down_says_nothing_of_that_server() {
    let mut server = Strict3::start("3.10.0").unwrap();
    server.stop();
    let proxy = Proxy::start(server.port(), ALL);
    // Without an organisation nothing could be written by v2.
    let mut scene = Scene::new(&proxy.url(), Strict3::TOKEN);
    scene.log(50);
    let running = scene.run();
    scene.host.until("it is down", |stats| {
        let forwarder = &stats["service"]["forwarder"];
        let error = forwarder["last_error"].as_str().unwrap_or_default();
        assert!(!error.contains("INFLUXDB_ORG"), "{forwarder}");
        forwarder["server"] == "down" && error.contains("502")
    });
    server.restart().unwrap();
    scene.until_delivered();
    scene.speaks("v3", Some("3.10.0"));
    assert_eq!(paths(server.targets()), [V3]);

    // Nor is what is known of it forgotten for that.
    server.stop();
    scene.log(50);
    scene.host.until("it is down again", |stats| {
        stats["service"]["forwarder"]["server"] == "down"
    });
    scene.speaks("v3", Some("3.10.0"));
    server.restart().unwrap();
    scene.until_delivered();
    assert_eq!(paths(server.targets()), [V3]);
    assert_eq!(texts_of_3x(&server), scene.texts(0..100));
    running.terminate();
}
