//! Which models there are: beside the manifests, and in their place where nobody sees them.

use std::fs;

use serde_json::Value;
use support::ollama::{ListedFake, OllamaRelease};

use super::rig::{OllamaRig, Told, field, listed};

/// A host whose models directory is not to be had, as with Ollama in a container.
fn without_directory(release: OllamaRelease) -> OllamaRig {
    let mut rig = OllamaRig::new(release);
    let nowhere = rig.host.path("nowhere");
    rig.host.set("OLLAMA_MODELS", nowhere.to_str().unwrap());
    rig
}

fn snapshots(rig: &OllamaRig) -> Vec<Vec<Value>> {
    let told = rig.told("ollama_models_inventory");
    let texts = told.iter().map(|told| field(told, "models_json").unwrap());
    texts
        .map(|text| serde_json::from_str(text).unwrap())
        .collect()
}

fn of_model(told: &[Told], name: &str) -> Vec<Told> {
    let tags = format!("model_name={name}");
    let of = told.iter().filter(|(found, _)| *found == tags);
    of.cloned().collect()
}

#[test]
fn where_the_directory_cannot_be_read_the_list_is_the_inventory() {
    for release in [OllamaRelease::V0_24, OllamaRelease::V0_33] {
        let rig = without_directory(release);
        let cloud = ListedFake {
            is_remote: true,
            size: 384,
            ..listed("gpt-oss:120b-cloud", 'c')
        };
        rig.ollama.set_listed(vec![listed("llama3:8b", 'a'), cloud]);
        rig.once();
        let shipped = snapshots(&rig);
        assert_eq!(shipped.len(), 1);
        let llama = &shipped[0][1];
        assert_eq!(llama["name"], "llama3:8b");
        assert_eq!(llama["digest"], "a".repeat(64));
        assert_eq!(llama["size"], 4_661_211_424_u64);
        assert_eq!(
            llama["modified_at"], "2026-11-27T08:05:00Z",
            "as of a manifest"
        );
        assert_eq!(llama.as_object().unwrap().len(), 4, "no other key: {llama}");
        let told = rig.told("ollama_model_inventory");
        let [llama] = &of_model(&told, "llama3:8b")[..] else {
            panic!("{told:?}")
        };
        for (name, value) in [
            ("family", Some("llama")),
            ("parameter_size", Some("8.0B")),
            ("quantization_level", Some("Q4_K_M")),
            ("remote_host", None),
            ("sha256", None),
            ("size", Some("4661211424i")),
        ] {
            assert_eq!(field(llama, name), value, "{name}");
        }
        let [cloud] = &of_model(&told, "gpt-oss:120b-cloud")[..] else {
            panic!("{told:?}")
        };
        assert_eq!(field(cloud, "remote_host"), Some("https://ollama.com:443"));
        assert_eq!(field(cloud, "size"), Some("384i"));
    }
}

#[test]
fn models_that_come_and_go_are_events_and_those_that_stay_are_none() {
    let rig = without_directory(OllamaRelease::V0_24);
    rig.ollama
        .set_listed(vec![listed("a:1b", 'a'), listed("b:1b", 'b')]);
    rig.once();
    assert_eq!(rig.told("ollama_events"), [], "nothing to compare with");
    // The digits below the second are the API's alone.
    let mut same = listed("b:1b", 'b');
    same.modified_at = "2026-11-27T09:05:00.9+01:00".to_owned();
    rig.ollama.set_listed(vec![same, listed("c:1b", 'c')]);
    rig.once();
    rig.once();
    let events = rig.told("ollama_events");
    let events: Vec<_> = events
        .iter()
        .map(|told| (&*told.0, field(told, "model").unwrap()))
        .collect();
    assert_eq!(
        events,
        [("kind=model_removed", "a:1b"), ("kind=model_added", "c:1b")]
    );
    let shipped = snapshots(&rig);
    assert_eq!(shipped[1], shipped[2], "the same models are the same text");
}

#[test]
fn where_the_directory_is_read_the_list_adds_what_manifests_do_not_say() {
    let rig = OllamaRig::new(OllamaRelease::V0_33);
    let manifests = rig
        .host
        .path("models/manifests/registry.ollama.ai/library/llama3");
    fs::create_dir_all(&manifests).unwrap();
    let manifest = r#"{"schemaVersion":2,"config":{"digest":"sha256:cc","size":10},"layers":[
        {"mediaType":"application/vnd.ollama.image.model","digest":"sha256:aa","size":1000}]}"#;
    fs::write(manifests.join("8b"), manifest).unwrap();
    rig.ollama
        .set_listed(vec![listed("llama3:8b", 'a'), listed("elsewhere:1b", 'b')]);
    rig.once();
    let shipped = snapshots(&rig);
    assert_eq!(shipped.len(), 1, "one inventory");
    assert_eq!(shipped[0].len(), 1, "of the directory");
    let told = rig.told("ollama_model_inventory");
    let [llama] = &told[..] else {
        panic!("{told:?}")
    };
    for (name, value) in [
        ("size", "1010i"),
        ("sha256", "aa"),
        ("family", "llama"),
        ("parameter_size", "8.0B"),
        ("quantization_level", "Q4_K_M"),
    ] {
        assert_eq!(field(llama, name), Some(value), "{name}");
    }
}

#[test]
fn a_list_of_thousands_of_models_is_cut_into_parts_and_counted() {
    let rig = without_directory(OllamaRelease::V0_24);
    let models = (0..10_050).map(|number| listed(&format!("model-{number:05}:1b"), 'a'));
    rig.ollama.set_listed(models.collect());
    let running = rig.host.start("run");
    rig.host.until("the models beyond are counted", |stats| {
        stats["service"]["ollama"]["left_out"] == 50
    });
    rig.host.until("all is delivered", |stats| {
        stats["spool"]["ledger"]["pending"] == 0
            && stats["spool"]["ledger"]["delivered"].as_u64() > Some(2)
    });
    running.terminate();
    let names: usize = snapshots(&rig).iter().map(Vec::len).sum();
    assert_eq!(names, 10_000);
}
