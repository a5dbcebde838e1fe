//! A server that is ill costs a bounded time and memory, one point a round and one line of the log a change.

use std::fs;
use std::time::{Duration, Instant};

use support::ollama::{LoadedFake, OllamaFault, OllamaRelease};

use super::common::wait_until;
use super::rig::OllamaRig;

fn log(rig: &OllamaRig) -> String {
    fs::read_to_string(rig.host.path("shipper.log")).unwrap()
}

/// The most memory that a process had, in KiB.
fn peak_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}

#[test]
fn whatever_is_answered_for_the_version_but_a_version_is_down_with_its_reason() {
    let rig = OllamaRig::new(OllamaRelease::V0_24);
    for (fault, reason) in [
        (
            OllamaFault::Text("<html>".to_owned()),
            "its answer to /api/version is not one of Ollama's",
        ),
        (
            OllamaFault::Text(r#"{"version":[1]}"#.to_owned()),
            "its answer to /api/version is not one of Ollama's",
        ),
        (
            OllamaFault::Text(String::new()),
            "its answer to /api/version is not one of Ollama's",
        ),
        (OllamaFault::Status(500), "it answers with status 500"),
        (OllamaFault::Redirect, "it answers with status 302"),
        (
            OllamaFault::Flood(100_000_000),
            "its answer is longer than 65536 bytes",
        ),
    ] {
        rig.ollama.set_fault("/api/version", Some(fault));
        rig.once();
        assert_eq!(rig.last_up(), format!("error={reason} up=0i"));
    }
    assert_eq!(
        rig.ollama.asked("/api/ps"),
        0,
        "one that is ill is not asked further"
    );
    rig.ollama
        .set_fault("/api/version", Some(OllamaFault::Close));
    rig.once();
    assert!(rig.last_up().starts_with("error=it cannot be reached: "));
}

#[test]
fn an_answer_on_memory_that_is_none_leaves_the_server_up_and_says_nothing_of_models() {
    let rig = OllamaRig::new(OllamaRelease::V0_24);
    rig.ollama.set_loaded(vec![LoadedFake::of("a:1b", 2, 2)]);
    rig.once();
    for (fault, reason) in [
        (
            OllamaFault::Text(r#"{"models":[{"name":"a:1b","size":"2"}]}"#.to_owned()),
            "its answer to /api/ps is not one of Ollama's",
        ),
        (
            OllamaFault::Flood(100_000_000),
            "its answer is longer than 1048576 bytes",
        ),
    ] {
        rig.ollama.set_fault("/api/ps", Some(fault));
        rig.once();
        assert_eq!(
            rig.last_up(),
            format!("error={reason} up=1i version=0.24.0")
        );
    }
    rig.ollama.set_fault("/api/ps", None);
    rig.ollama
        .set_fault("/api/tags", Some(OllamaFault::Flood(100_000_000)));
    rig.once();
    assert_eq!(
        rig.last_up(),
        "error=its answer is longer than 16777216 bytes models=1i up=1i version=0.24.0"
    );
    assert_eq!(
        rig.told("ollama_loaded").len(),
        2,
        "of two whole answers, and it was never gone"
    );
}

#[test]
fn a_server_that_hangs_or_drips_ends_at_its_deadline_and_keeps_nothing_from_going_on() {
    for fault in [
        OllamaFault::Hang,
        OllamaFault::Drip(Duration::from_millis(50)),
    ] {
        let rig = OllamaRig::new(OllamaRelease::V0_24);
        rig.ollama.set_fault("/api/version", Some(fault));
        let begun = Instant::now();
        let running = rig.host.start("run");
        wait_until("line and inventory are delivered meanwhile", || {
            rig.told("ollama_models_inventory").len() == 1 && rig.told("ollama_logs,").len() <= 1
        });
        wait_until("it is down", || !rig.told("ollama_up").is_empty());
        assert_eq!(rig.last_up(), "error=no whole answer within 5 s up=0i");
        assert!(begun.elapsed() >= Duration::from_secs(5));
        rig.host.until("it is counted", |stats| {
            stats["service"]["ollama"]["failed"] == 1 && stats["service"]["ollama"]["up"] == false
        });
        running.terminate();
    }
}

#[test]
fn a_stop_does_not_wait_for_an_answer() {
    let rig = OllamaRig::new(OllamaRelease::V0_24);
    rig.ollama
        .set_fault("/api/version", Some(OllamaFault::Hang));
    let running = rig.host.start("run");
    wait_until("it is asked", || rig.ollama.asked("/api/version") == 1);
    let took = running.terminate();
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[test]
fn a_hundred_megabytes_are_not_kept() {
    let rig = OllamaRig::new(OllamaRelease::V0_24);
    rig.ollama
        .set_fault("/api/", Some(OllamaFault::Flood(100_000_000)));
    rig.ollama.set_fault(
        "/api/version",
        Some(OllamaFault::Text(r#"{"version":"0.24.0"}"#.to_owned())),
    );
    let running = rig.host.start("run");
    rig.host.until("it is asked", |stats| {
        stats["service"]["ollama"]["failed"] == 1
    });
    let peak = peak_memory(running.0.id());
    running.terminate();
    assert!(peak < 100_000, "{peak} KiB");
}

#[test]
fn what_is_the_matter_is_said_once_while_it_stays_the_same() {
    let mut rig = OllamaRig::new(OllamaRelease::V0_24);
    // The list is asked for with every round then.
    rig.host.set("SHIPPER_INVENTORY_INTERVAL", "10s");
    let mut overdue = LoadedFake::of("a:1b", 2, 2);
    overdue.expires_at = "2020-01-01T00:00:00Z".to_owned();
    rig.ollama.set_loaded(vec![overdue]);
    rig.ollama
        .set_fault("/api/tags", Some(OllamaFault::Status(503)));
    let running = rig.host.start("run");
    wait_until("it was asked twice", || rig.ollama.asked("/api/tags") == 2);
    rig.ollama.set_fault("/api/tags", None);
    wait_until("it is well", || {
        log(&rig).contains("Ollama 0.24.0 answers at")
    });
    running.terminate();
    let log = log(&rig);
    assert_eq!(
        log.matches("it answers with status 503").count(),
        1,
        "{log}"
    );
    assert_eq!(log.matches("Ollama 0.24.0 answers at").count(), 1, "{log}");
}
