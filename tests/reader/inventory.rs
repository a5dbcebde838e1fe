//! The model inventory, from manifests laid out as Ollama lays them out.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use shipper::inventory::{MAX_JSON_BYTES, Model, UnitFacts, from_line, home_of, parts, scan};

const WEIGHTS: &str = "6a0746a1ec1aef3e7ec53868f220ff6e389f6f8ef87a01d77c96807de94ca2aa";

fn manifest() -> String {
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

fn models_dir(paths: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for path in paths {
        put(dir.path(), path, &manifest());
    }
    dir
}

fn put(dir: &Path, path: &str, text: &str) {
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
    let sum = std::process::Command::new("sha256sum")
        .arg(path)
        .output()
        .unwrap();
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
    for number in 0..2000 {
        put(
            dir.path(),
            &format!(
                "registry.ollama.ai/library/model-with-a-long-name-{number:04}/8b-instruct-q4_K_M"
            ),
            &manifest(),
        );
    }
    let models = scan(dir.path()).unwrap().models;
    let parts = parts(&models);
    assert!(parts.iter().all(|part| part.len() <= MAX_JSON_BYTES));
    let names: Vec<String> = parts
        .iter()
        .flat_map(|part| serde_json::from_str::<Vec<Model>>(part).unwrap())
        .map(|model| model.name)
        .collect();
    assert_eq!(names.len(), 2000);
    assert!(names.iter().eq(models.iter().map(|model| &model.name)));
}

#[test]
fn optional_keys_go_before_a_snapshot_is_split() {
    let model = |number: u32| Model {
        name: format!("model-{number}:8b"),
        digest: "0".repeat(64),
        size: 1,
        model_sha256: Some(WEIGHTS.to_owned()),
        modified_at: Some("2026-11-23T14:00:00Z".to_owned()),
    };
    let some: Vec<Model> = (0..250).map(model).collect();
    let [whole] = &parts(&some)[..] else {
        panic!("250 models fit one field")
    };
    assert!(whole.contains("modified_at"));
    let many: Vec<Model> = (0..280).map(model).collect();
    let [lean] = &parts(&many)[..] else {
        panic!("280 lean models fit one field")
    };
    assert!(!lean.contains("modified_at"));
    assert_eq!(serde_json::from_str::<Vec<Value>>(lean).unwrap().len(), 280);
}

#[test]
fn the_units_environment_names_the_directory() {
    let facts = UnitFacts::parse(
        "Environment=PATH=/usr/bin OLLAMA_MODELS=/data/old \"OLLAMA_MODELS=/data/my models\"\nUser=ollama\n",
    );
    assert_eq!(facts.models, Some(PathBuf::from("/data/my models")));
    assert_eq!(facts.user.as_deref(), Some("ollama"));
    assert_eq!(
        UnitFacts::parse("Environment=\nUser=\n"),
        UnitFacts::default()
    );
}

#[test]
fn ollamas_own_lines_name_the_directory() {
    for (line, dir) in [
        (
            "INFO server config env=\"map[OLLAMA_LOAD_TIMEOUT:5m0s OLLAMA_MODELS:/data/my models OLLAMA_MULTIUSER_CACHE:false]\"",
            "/data/my models",
        ),
        (
            "msg=\"starting llama server\" cmd=\"/usr/lib/ollama/runner --model /data/models/blobs/sha256-6a07 --ctx-size 8192\"",
            "/data/models",
        ),
    ] {
        assert_eq!(
            from_line(line.as_bytes()),
            Some(PathBuf::from(dir)),
            "{line}"
        );
    }
    assert_eq!(
        from_line(b"[GIN] POST --model relative/blobs/sha256-1"),
        None
    );
}

#[test]
fn the_units_user_has_a_home() {
    let passwd =
        "root:x:0:0:root:/root:/bin/bash\nollama:x:997:997::/usr/share/ollama:/bin/false\n";
    assert_eq!(
        home_of(passwd, "ollama"),
        Some(PathBuf::from("/usr/share/ollama"))
    );
    assert_eq!(home_of(passwd, "olla"), None);
}
