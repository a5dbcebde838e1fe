//! What is in memory, and whether Ollama is up.

use super::common::wait_until;
use super::rig::{OllamaRig, field};
use support::journal::{Entry, write_journal};
use support::ollama::{FakeOllama, LoadedFake, OllamaRelease};

#[test]
fn what_is_in_memory_is_told_as_both_versions_answer_it() {
    for (release, version) in [
        (OllamaRelease::V0_24, "0.24.0"),
        (OllamaRelease::V0_33, "0.33.0-rc2"),
    ] {
        let rig = OllamaRig::new(release);
        rig.ollama.set_loaded(vec![
            LoadedFake::of("llama3:8b", 6_000_000_000, 4_500_000_000),
            LoadedFake::of("all-minilm:latest", 0, 0),
        ]);
        rig.once();
        assert_eq!(rig.last_up(), format!("models=2i up=1i version={version}"));
        let up = rig.told("ollama_up");
        let round_trip: f64 = field(&up[0], "round_trip_ms").unwrap().parse().unwrap();
        assert!(round_trip > 0.0 && round_trip < 5_000.0);
        let told = rig.told("ollama_loaded");
        let find = |tags: &str| told.iter().find(|(found, _)| found == tags).unwrap();
        let llama = find("model_name=llama3:8b");
        for (name, value) in [
            ("size", Some("6000000000i")),
            ("size_vram", Some("4500000000i")),
            ("gpu_share", Some("0.75")),
            ("context_length", Some("4096i")),
            ("expires_at", Some("10981782000123i")),
            ("loaded", Some("1i")),
        ] {
            assert_eq!(field(llama, name), value, "{name}");
        }
        let minilm = find("model_name=all-minilm:latest");
        assert_eq!(field(minilm, "gpu_share"), None, "of nothing");
    }
}

#[test]
fn a_model_that_is_gone_is_told_after_a_restart_too_and_once() {
    let rig = OllamaRig::new(OllamaRelease::V0_24);
    rig.ollama.set_loaded(vec![
        LoadedFake::of("a:1b", 2, 2),
        LoadedFake::of("b:1b", 2, 1),
    ]);
    rig.once();
    rig.ollama.set_loaded(vec![LoadedFake::of("b:1b", 2, 1)]);
    rig.once();
    rig.once();
    let told = rig.told("ollama_loaded");
    let of = |model: &str| -> Vec<_> {
        let tags = format!("model_name={model}");
        let of = told.iter().filter(|(found, _)| *found == tags);
        of.map(|told| field(told, "loaded").unwrap().to_owned())
            .collect()
    };
    assert_eq!(of("a:1b"), ["1i", "0i"]);
    assert_eq!(of("b:1b"), ["1i", "1i", "1i"]);
    assert_eq!(rig.last_up(), "models=1i up=1i version=0.24.0");
}

#[test]
fn a_server_that_is_down_is_a_point_and_has_nothing_in_memory() {
    let mut rig = OllamaRig::new(OllamaRelease::V0_24);
    rig.ollama.set_loaded(vec![LoadedFake::of("a:1b", 2, 2)]);
    rig.once();
    let port = rig.ollama.port();
    drop(std::mem::replace(
        &mut rig.ollama,
        FakeOllama::start(OllamaRelease::V0_24).unwrap(),
    ));
    rig.once();
    assert_eq!(rig.last_up(), "error=nobody listens there models=0i up=0i");
    let told = rig.told("ollama_loaded");
    assert_eq!(field(told.last().unwrap(), "loaded"), Some("0i"));
    let _back = FakeOllama::start_at(port, OllamaRelease::V0_33).unwrap();
    rig.once();
    assert_eq!(rig.last_up(), "models=0i up=1i version=0.33.0-rc2");
}

#[test]
fn a_load_in_the_log_has_ollama_asked_and_nothing_does_in_between() {
    let rig = OllamaRig::new(OllamaRelease::V0_24);
    let running = rig.host.start("run");
    wait_until("it was asked", || rig.ollama.asked("/api/ps") == 1);
    rig.ollama.set_loaded(vec![LoadedFake::of("a:1b", 2, 2)]);
    let load = r#"time=2025-07-16T08:20:47.858Z level=INFO source=server.go:637 msg="llama runner started in 1.25 seconds""#;
    write_journal(
        &rig.host.path("journal/load.journal"),
        [Entry::line(1_767_225_600_000_000, load)],
    )
    .unwrap();
    wait_until("it is asked again", || rig.ollama.asked("/api/ps") == 2);
    wait_until("the model arrives", || {
        !rig.told("ollama_loaded").is_empty()
    });
    running.terminate();
    assert_eq!(rig.ollama.asked("/api/tags"), 1);
    assert_eq!(rig.ollama.asked("/api/version"), 2);
    assert_eq!(rig.ollama.seen().len(), 5, "nothing else is asked");
}

#[test]
fn the_end_of_a_models_time_has_ollama_asked() {
    let rig = OllamaRig::new(OllamaRelease::V0_24);
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3);
    let mut model = LoadedFake::of("a:1b", 2, 2);
    model.expires_at = soon.to_string();
    rig.ollama.set_loaded(vec![model]);
    let running = rig.host.start("run");
    wait_until("it was asked", || rig.ollama.asked("/api/ps") == 1);
    rig.ollama.set_loaded(Vec::new());
    wait_until("the model is gone", || {
        let told = rig.told("ollama_loaded");
        told.last()
            .is_some_and(|told| field(told, "loaded") == Some("0i"))
    });
    running.terminate();
    assert_eq!(rig.ollama.asked("/api/ps"), 2);
}

#[test]
fn what_was_answered_while_influxdb_is_down_arrives_later_and_a_replay_changes_nothing() {
    let mut rig = OllamaRig::new(OllamaRelease::V0_24);
    rig.ollama.set_loaded(vec![LoadedFake::of("a:1b", 2, 2)]);
    rig.endpoint.set_down(true);
    let running = rig.host.start("run");
    // A line, a snapshot and a round.
    rig.host.until("all is read", |stats| {
        stats["spool"]["ledger"]["pending"] == 3
    });
    running.kill();
    assert_eq!(rig.told("ollama_up"), []);
    rig.endpoint.set_down(false);
    let running = rig.host.start("run");
    rig.host.until("all is delivered", |stats| {
        stats["spool"]["ledger"]["delivered"] == 5 && stats["spool"]["ledger"]["pending"] == 0
    });
    running.terminate();
    let before = (rig.told("ollama_up"), rig.told("ollama_loaded"));
    assert_eq!((before.0.len(), before.1.len()), (2, 2), "of two rounds");
    rig.host.set("SHIPPER_OLLAMA_URL", "off");
    rig.host.succeed("replay");
    rig.once();
    assert_eq!((rig.told("ollama_up"), rig.told("ollama_loaded")), before);
}
