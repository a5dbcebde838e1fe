//! The model inventory, from manifests laid out as Ollama lays them out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread::{scope, sleep};
use std::time::Duration;

use super::common::Host;
use super::rig::{Rig, logged, snapshots};
use serde_json::{Value, json};
use shipper::base::stop::Stop;
use shipper::config;
use shipper::sources::Goal;
use shipper::sources::inventory::{InstalledModel, Inventory, MAX_JSON_BYTES, parts, scan};
use shipper::stages::intake;
use shipper::store::Store;
use support::endpoint::{Endpoint, Point};
use support::journal::{busy, write_journal};

const WEIGHTS: &str = "6a0746a1ec1aef3e7ec53868f220ff6e389f6f8ef87a01d77c96807de94ca2aa";

pub(super) fn manifest() -> String {
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "digest": "sha256:3f8eb4da87fa", "size": 485},
        "layers": [
            {"mediaType": "application/vnd.ollama.image.model", "digest": format!("sha256:{WEIGHTS}"), "size": 4_661_211_424_u64},
            {"mediaType": "application/vnd.ollama.image.template", "digest": "sha256:4fa551d4f938", "size": 254},
        ],
    })
    .to_string()
}

pub(super) fn models_dir(paths: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for path in paths {
        put(dir.path(), path, &manifest());
    }
    dir
}

pub(super) fn put(dir: &Path, path: &str, text: &str) {
    let path = dir.join("manifests").join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn names_are_those_that_ollama_list_prints() {
    let dir = models_dir(&[
        "registry.ollama.ai/library/llama3/8b",
        "registry.ollama.ai/user/model/tag",
        "hf.co/user/model/Q4_K_M",
        "hf.co/library/model/tag",
    ]);
    let names: Vec<String> = scan(dir.path())
        .unwrap()
        .models
        .into_iter()
        .map(|model| model.name)
        .collect();
    assert_eq!(
        names,
        [
            "hf.co/library/model:tag",
            "hf.co/user/model:Q4_K_M",
            "llama3:8b",
            "user/model:tag"
        ]
    );
}

#[test]
fn a_model_has_the_digest_of_its_manifest_the_size_of_all_layers_and_the_hash_of_its_weights() {
    let dir = models_dir(&["registry.ollama.ai/library/llama3/8b"]);
    let model = scan(dir.path()).unwrap().models.remove(0);
    let path = dir
        .path()
        .join("manifests/registry.ollama.ai/library/llama3/8b");
    let sum = Command::new("sha256sum").arg(path).output().unwrap();
    assert_eq!(model.digest, String::from_utf8_lossy(&sum.stdout)[..64]);
    assert_eq!(model.size, 4_661_211_424 + 254 + 485);
    assert_eq!(model.model_sha256.as_deref(), Some(WEIGHTS));
    let modified: jiff::Timestamp = model.modified_at.unwrap().parse().unwrap();
    assert!(jiff::Timestamp::now().as_second() - modified.as_second() < 60);
}

#[test]
fn unusable_manifests_are_left_out_and_named() {
    let dir = models_dir(&["registry.ollama.ai/library/good/1b"]);
    put(
        dir.path(),
        "registry.ollama.ai/library/half/1b",
        &manifest()[..200],
    );
    put(dir.path(), "registry.ollama.ai/library/stray", "{}");
    put(dir.path(), "registry.ollama.ai/library/good/.DS_Store", "x");
    put(dir.path(), "registry.ollama.ai/library/empty/1b", "");
    let found = scan(dir.path()).unwrap();
    assert_eq!(found.models.len(), 1);
    let mut skipped: Vec<String> = found
        .skipped
        .iter()
        .map(|(path, _)| path.strip_prefix(dir.path()).unwrap().display().to_string())
        .collect();
    skipped.sort();
    assert_eq!(
        skipped,
        [
            "manifests/registry.ollama.ai/library/empty/1b",
            "manifests/registry.ollama.ai/library/half/1b",
            "manifests/registry.ollama.ai/library/stray",
        ]
    );
}

#[test]
fn models_that_run_elsewhere_are_models_without_weights() {
    let dir = models_dir(&["registry.ollama.ai/library/good/1b"]);
    for (tag, manifest) in [
        (
            "cloud",
            r#"{"schemaVersion":2,"mediaType":"x","config":{"mediaType":"y","digest":"sha256:aa","size":310},"layers":null}"#,
        ),
        ("remote", r#"{"schemaVersion":2,"layers":null}"#),
        (
            "unsized",
            r#"{"config":{"digest":"sha256:aa"},"layers":[]}"#,
        ),
    ] {
        put(
            dir.path(),
            &format!("registry.ollama.ai/library/elsewhere/{tag}"),
            manifest,
        );
    }
    let found = scan(dir.path()).unwrap();
    assert!(found.is_whole());
    let elsewhere = found
        .models
        .iter()
        .filter(|model| model.model_sha256.is_none());
    let elsewhere: Vec<_> = elsewhere.map(|model| (&*model.name, model.size)).collect();
    assert_eq!(
        elsewhere,
        [
            ("elsewhere:cloud", 310),
            ("elsewhere:remote", 0),
            ("elsewhere:unsized", 0)
        ]
    );
}

#[test]
fn an_object_that_names_neither_layers_nor_a_configuration_is_no_manifest() {
    let dir = models_dir(&[]);
    put(
        dir.path(),
        "registry.ollama.ai/library/bare/1b",
        r#"{"schemaVersion":2}"#,
    );
    let found = scan(dir.path()).unwrap();
    assert_eq!((found.models.len(), found.unusable), (0, 1));
}

#[test]
fn an_empty_directory_is_an_empty_list_and_a_missing_one_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let found = scan(dir.path()).unwrap();
    assert_eq!(parts(&found.models), ["[]"]);
    let missing = scan(&dir.path().join("nowhere")).unwrap_err();
    assert_eq!(missing.kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn two_thousand_models_are_valid_json_in_parts_that_fit_a_field_and_none_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    for path in many(2000) {
        put(dir.path(), &path, &manifest());
    }
    let models = scan(dir.path()).unwrap().models;
    let parts = parts(&models);
    assert!(parts.iter().all(|part| part.len() <= MAX_JSON_BYTES));
    let names: Vec<String> = parts
        .iter()
        .flat_map(|part| serde_json::from_str::<Vec<InstalledModel>>(part).unwrap())
        .map(|model| model.name)
        .collect();
    assert_eq!(names.len(), 2000);
    assert!(names.iter().eq(models.iter().map(|model| &model.name)));
}

#[test]
fn optional_keys_go_before_a_snapshot_is_split() {
    let model = |number: u32| InstalledModel {
        name: format!("model-{number}:8b"),
        digest: "0".repeat(64),
        size: 1,
        model_sha256: Some(WEIGHTS.to_owned()),
        modified_at: Some("2026-11-23T14:00:00Z".to_owned()),
    };
    let some: Vec<InstalledModel> = (0..250).map(model).collect();
    let [whole] = &parts(&some)[..] else {
        panic!("250 models fit one field")
    };
    assert!(whole.contains("modified_at"));
    let many: Vec<InstalledModel> = (0..280).map(model).collect();
    let [lean] = &parts(&many)[..] else {
        panic!("280 lean models fit one field")
    };
    assert!(!lean.contains("modified_at"));
    assert_eq!(serde_json::from_str::<Vec<Value>>(lean).unwrap().len(), 280);
}

/// `HOST/NAMESPACE/MODEL/TAG` of so many models with names as long as any.
pub(super) fn many(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| {
        format!("registry.ollama.ai/library/model-with-a-long-name-{number:04}/8b-instruct-q4_K_M")
    })
}

/// The models of each snapshot point that arrived, and which part it says it is.
fn arrived(endpoint: &Endpoint) -> Vec<(Option<String>, Vec<InstalledModel>)> {
    endpoint.points(|points| {
        let snapshots = points
            .iter()
            .filter(|point| point.measurement == "ollama_models_inventory");
        let field = |point: &Point, name: &str| {
            let mut fields = point.fields.iter();
            fields
                .find(|(field, _)| field == name)
                .map(|(_, value)| value.clone())
        };
        let parsed = snapshots.map(|point| {
            let json = field(point, "models_json").unwrap();
            (field(point, "part"), serde_json::from_str(&json).unwrap())
        });
        parsed.collect()
    })
}

#[test]
fn two_thousand_models_arrive_in_numbered_points_and_none_is_missing() {
    let endpoint = Endpoint::start().unwrap();
    let host = Host::new(&endpoint.url(), "v2", "token");
    fs::create_dir_all(host.path("journal")).unwrap();
    write_journal(&host.path("journal/system.journal"), busy(1)).unwrap();
    for path in many(2000) {
        put(&host.path("models"), &path, &manifest());
    }
    host.succeed("run --once");
    let mut parts = arrived(&endpoint);
    parts.sort_by_key(|(_, models)| models[0].name.clone());
    let numbers: Vec<String> = parts.iter().flat_map(|(part, _)| part.clone()).collect();
    let expected: Vec<String> = (0..parts.len()).map(|part| format!("{part}i")).collect();
    assert_eq!(numbers, expected);
    assert!(numbers.len() > 1);
    assert_eq!(
        parts.iter().map(|(_, models)| models.len()).sum::<usize>(),
        2000
    );
}

/// What the inventory of `dir` puts into the spool and the log in some rounds.
pub(super) fn rounds(dir: PathBuf) -> (Vec<String>, String) {
    let spool_dir = tempfile::tempdir().unwrap();
    let (store, ..) = Store::open(spool_dir.path(), Rig::options()).unwrap();
    let stop = Stop::new().unwrap();
    let config = config::InventorySettings {
        models_dir: Some(dir),
        interval: Duration::from_millis(10),
    };
    let inventory = Inventory {
        config,
        units: Vec::new(),
        named: Arc::new(|_| unreachable!("the directory is configured")),
        models: None,
        details: None,
        sees: tokio::sync::watch::Sender::default(),
    };
    let (ended, said) = scope(|scope| {
        let running =
            scope.spawn(|| logged(|| intake::run(&inventory, Goal::Follow, &store, &stop)));
        // Some thirty rounds: what is said once must not be said again later.
        sleep(Duration::from_millis(300));
        stop.trigger();
        running.join().unwrap()
    });
    ended.unwrap();
    (snapshots(&store), said)
}

#[test]
fn an_empty_directory_ships_an_empty_list_and_a_missing_one_nothing_and_says_so_once() {
    let dir = tempfile::tempdir().unwrap();
    let (shipped, said) = rounds(dir.path().to_owned());
    assert!(
        shipped.len() > 1 && shipped.iter().all(|json| json == "[]"),
        "{shipped:?}"
    );
    assert_eq!(said, "");
    let (shipped, said) = rounds(dir.path().join("nowhere"));
    assert_eq!(shipped, [""; 0]);
    assert_eq!(
        said.matches("there is no models directory").count(),
        1,
        "{said}"
    );
}

#[test]
fn a_manifest_that_is_left_out_is_named_once() {
    let dir = models_dir(&["registry.ollama.ai/library/good/1b"]);
    put(
        dir.path(),
        "registry.ollama.ai/library/half/1b",
        &manifest()[..200],
    );
    let (shipped, said) = rounds(dir.path().to_owned());
    assert!(shipped.len() > 1 && shipped.iter().all(|json| json.contains("good:1b")));
    assert_eq!(
        said.matches("library/half/1b is left out").count(),
        1,
        "{said}"
    );
}
