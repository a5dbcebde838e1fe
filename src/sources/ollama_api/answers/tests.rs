use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;

#[test]
fn what_is_in_memory_is_read_as_both_versions_print_it() {
    let body = br#"{"models":[
        {"name":"llama3:8b","model":"llama3:8b","size":4,"digest":"aa","details":{"family":"llama"},
         "expires_at":"2026-11-27T09:05:00.123456789+01:00","size_vram":3,"context_length":4096},
        {"name":"old:1b","size":2,"size_vram":0,"expires_at":"0001-01-01T00:00:00Z"}]}"#;
    let answered = loaded(body).unwrap();
    let llama = &answered.by_name["llama3:8b"];
    assert_eq!((llama.size, llama.size_vram), (4, 3));
    assert_eq!(llama.context_length, Some(4096));
    assert_eq!(llama.expires_at, Some(1_795_766_700_123));
    let old = &answered.by_name["old:1b"];
    assert_eq!((old.context_length, old.expires_at), (None, None));
}

#[test]
fn a_list_gives_what_a_manifest_would_and_the_details() {
    let body = br#"{"models":[{"name":"m:1b","model":"m:1b","modified_at":"2026-11-27T09:05:00.123456789+01:00",
        "size":7,"digest":"aa","remote_host":"https://ollama.com:443","remote_model":"m",
        "details":{"family":"llama","families":null,"parameter_size":"8.0B","quantization_level":""}}]}"#;
    let answered = listed(body).unwrap();
    let model = &answered.by_name["m:1b"];
    let time = model.installed.modified_at.as_deref();
    assert_eq!(time, Some("2026-11-27T08:05:00Z"));
    assert_eq!(model.details.family.as_deref(), Some("llama"));
    assert_eq!(model.details.quantization_level, None);
    assert_eq!(
        model.details.remote_host.as_deref(),
        Some("https://ollama.com:443")
    );
}

#[test]
fn models_beyond_the_most_are_counted_and_not_kept() {
    let model = |number: u32| format!(r#"{{"name":"m:{number}","size":1}}"#);
    let all: Vec<_> = (0..300).map(model).collect();
    let answered = loaded(format!(r#"{{"models":[{}]}}"#, all.join(",")).as_bytes()).unwrap();
    assert_eq!(
        (answered.by_name.len(), answered.left_out),
        (MOST_LOADED, 44)
    );
}

#[test]
fn a_model_without_a_name_is_left_out_alone() {
    let long = "x".repeat(600);
    let body = format!(
        r#"{{"models":[{{"name":""}},{{"name":"{long}"}},{{"name":"a\nb"}},{{"name":"m"}}]}}"#
    );
    let answered = loaded(body.as_bytes()).unwrap();
    assert_eq!((answered.by_name.len(), answered.left_out), (1, 3));
}

#[test]
fn nothing_loaded_is_an_answer_and_anything_else_is_none() {
    for body in [r#"{"models":[]}"#, r#"{"models":null}"#] {
        assert_eq!(loaded(body.as_bytes()).unwrap().by_name.len(), 0);
    }
    for body in [
        "",
        "{}",
        "[]",
        "null",
        "<html>",
        r#"{"models":{}}"#,
        r#"{"models":[1]}"#,
        r#"{"models":[{}]}"#,
        r#"{"models":[{"name":7}]}"#,
        r#"{"models":[{"name":"m","size":"big"}]}"#,
        r#"{"models":[{"name":"m","size":-1}]}"#,
        r#"{"models":[]} x"#,
        r#"{"models":[{"name":"m"}"#,
    ] {
        assert_eq!(loaded(body.as_bytes()), None, "{body}");
        assert_eq!(listed(body.as_bytes()), None, "{body}");
    }
    for body in [
        "{}",
        r#"{"version":7}"#,
        r#"{"version":""}"#,
        "0.24.0",
        r#"{"version":"a\nb"}"#,
    ] {
        assert_eq!(version(body.as_bytes()), None, "{body}");
    }
    assert_eq!(
        version(br#"{"version":"0.33.0-rc2"}"#).as_deref(),
        Some("0.33.0-rc2")
    );
}

/// JSON of any form, with the names that answers have.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        ".{0,20}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let key = "models|version|name|size|digest|details|family|expires_at|modified_at";
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Into::into),
            btree_map(key, inner, 0..6).prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_is_answered_gives_names_within_bounds_or_nothing(json in json(), cut in 0_usize..2_000) {
        let text = json.to_string();
        let bytes = text.as_bytes();
        for body in [bytes, &bytes[..cut.min(bytes.len())]] {
            if let Some(version) = version(body) {
                prop_assert!((1..=MOST_TEXT).contains(&version.len()));
            }
            let names = loaded(body).map(|models| models.by_name.into_keys().collect::<Vec<_>>());
            prop_assert!(names.into_iter().flatten().all(|name| is_name(&name)));
            for (name, model) in listed(body).into_iter().flat_map(|models| models.by_name) {
                prop_assert_eq!(&name, &model.installed.name);
                prop_assert!(model.installed.digest.len() <= MOST_TEXT);
            }
        }
    }
}
