//! Whatever bytes stand in a manifest: reading ends without a panic, and a model is a JSON object of bounded size. Whatever stands in a
//! line of the log: a directory that it names is one that Ollama may have.
#![no_main]

use std::path::{Component, Path};

use shipper::sources::inventory::{InstalledModel, from_line, parts};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(model) =
        InstalledModel::parse(Path::new("registry.ollama.ai/library/llama3/8b"), bytes)
    {
        let [json] = &parts(std::slice::from_ref(&model))[..] else {
            panic!("one model is one part");
        };
        assert!(json.len() < 300);
        assert_eq!(
            serde_json::from_str::<Vec<InstalledModel>>(json).ok(),
            Some(vec![model])
        );
    }
    if let Some(dir) = from_line(bytes) {
        let mut parts = dir.components();
        assert_eq!(parts.next(), Some(Component::RootDir));
        assert!(parts.all(|part| matches!(part, Component::Normal(_))));
        assert!(!dir.to_str().unwrap().contains(char::is_control));
    }
});
