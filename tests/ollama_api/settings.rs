//! Where Ollama is asked, and what goes there.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use support::ollama::{LoadedFake, OllamaRelease};

use super::common::wait_until;
use super::rig::OllamaRig;

#[test]
fn off_asks_nobody_and_tells_nothing() {
    let mut rig = OllamaRig::new(OllamaRelease::V0_24);
    rig.host.set("SHIPPER_OLLAMA_URL", "off");
    rig.once();
    assert_eq!(rig.ollama.seen(), []);
    assert_eq!(rig.told("ollama_up"), []);
}

/// What the unit's environment says stands in a file that a drop-in names, and counts more than the unit itself.
#[test]
fn without_a_setting_it_is_asked_where_its_unit_has_it_listen() {
    let mut rig = OllamaRig::new(OllamaRelease::V0_24);
    rig.host.unset("SHIPPER_OLLAMA_URL");
    let (file, bin) = (rig.host.path("ollama.env"), rig.host.path("bin"));
    let listens = format!("OLLAMA_HOST=\"0.0.0.0:{}\"\n", rig.ollama.port());
    fs::write(&file, listens).unwrap();
    fs::create_dir_all(&bin).unwrap();
    let shown = format!(
        "Environment=OLLAMA_HOST=127.0.0.1:1\nEnvironmentFiles={} (ignore_errors=no)\nUser=ollama",
        file.display()
    );
    let systemctl = bin.join("systemctl");
    fs::write(
        &systemctl,
        format!("#!/bin/sh\ncat <<'END'\n{shown}\nEND\n"),
    )
    .unwrap();
    fs::set_permissions(&systemctl, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = rig.host.command("run --once");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let run = command.env("PATH", path).output().unwrap();
    assert!(run.status.success(), "{run:?}");
    assert_eq!(rig.last_up(), "models=0i up=1i version=0.24.0");
}

#[test]
fn without_points_only_the_inventory_is_asked_for() {
    let mut rig = OllamaRig::new(OllamaRelease::V0_24);
    let nowhere = rig.host.path("nowhere");
    rig.host.set("OLLAMA_MODELS", nowhere.to_str().unwrap());
    rig.host.set("SHIPPER_INSIGHT", "off");
    rig.ollama.set_loaded(vec![LoadedFake::of("a:1b", 2, 2)]);
    rig.once();
    let targets: Vec<_> = rig
        .ollama
        .seen()
        .into_iter()
        .map(|seen| seen.target)
        .collect();
    assert_eq!(targets, ["GET /api/tags?by=shipper"]);
    assert_eq!(rig.told("ollama_models_inventory").len(), 1);
    let others = ["ollama_up", "ollama_loaded", "ollama_model_inventory"];
    assert!(
        others
            .iter()
            .all(|measurement| rig.told(measurement).is_empty())
    );
}

#[test]
fn neither_token_nor_proxy_has_anything_to_do_with_it() {
    let rig = OllamaRig::new(OllamaRelease::V0_24);
    let run = rig
        .host
        .command("run --once")
        .env("HTTP_PROXY", "http://127.0.0.1:9")
        .env("http_proxy", "http://127.0.0.1:9")
        .env("ALL_PROXY", "http://127.0.0.1:9")
        .env("NO_PROXY", "localhost")
        .output()
        .unwrap();
    assert!(run.status.success(), "{run:?}");
    let seen = rig.ollama.seen();
    assert_eq!(seen.len(), 3, "it was asked past the proxy");
    for seen in seen {
        assert_eq!(
            seen.headers,
            ["accept", "host", "user-agent"],
            "{}",
            seen.target
        );
    }
}

#[test]
fn doctor_says_what_is_wrong_and_status_how_it_stands() {
    let mut rig = OllamaRig::new(OllamaRelease::V0_33);
    rig.ollama.set_loaded(vec![LoadedFake::of("a:1b", 2, 2)]);
    let finding = |rig: &OllamaRig| -> Value {
        let output = rig.host.run("doctor --json");
        let findings: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        let mut findings = findings.into_iter();
        findings
            .find(|finding| finding["check"] == "ollama")
            .unwrap()
    };
    let well = finding(&rig);
    assert_eq!(well["grade"], "pass");
    let found = well["found"].as_str().unwrap();
    assert!(
        found.starts_with("0.33.0-rc2 answers at http://127.0.0.1:"),
        "{found}"
    );

    let running = rig.host.start("run");
    rig.host.until("it was asked", |stats| {
        stats["service"]["ollama"]["rounds"] == 1
    });
    let status = rig.host.run("status");
    let status = String::from_utf8(status.stdout).unwrap();
    for words in ["Ollama: up", "0.33.0-rc2", "models in memory"] {
        assert!(status.contains(words), "{status}");
    }
    wait_until("the round arrives", || !rig.told("ollama_up").is_empty());
    running.terminate();

    rig.host.set("SHIPPER_OLLAMA_URL", "http://127.0.0.1:1");
    let refused = finding(&rig);
    assert_eq!(refused["grade"], "warn");
    assert!(refused["fix"].as_str().unwrap().contains("start Ollama"));
    rig.host.set("SHIPPER_OLLAMA_URL", "off");
    assert_eq!(finding(&rig)["grade"], "pass");
    rig.host
        .set("SHIPPER_OLLAMA_URL", "http://user:s3cret@127.0.0.1");
    let wrong = rig.host.run("doctor");
    let wrong = String::from_utf8(wrong.stdout).unwrap();
    assert!(
        wrong.contains("SHIPPER_OLLAMA_URL") && !wrong.contains("s3cret"),
        "{wrong}"
    );
}
