//! Whatever bytes stand in a manifest: reading ends without a panic, and a model is a JSON object of bounded size.
#![no_main]

use std::path::Path;

use shipper::sources::inventory::{InstalledModel, from_line, parts};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(model) =
        InstalledModel::parse(Path::new("registry.ollama.ai/library/llama3/8b"), bytes)
    {
        let [json] = &parts(std::slice::from_ref(&model))[..] else {
            panic!("one model is one part");
        };
        assert_eq!(
            serde_json::from_str::<Vec<InstalledModel>>(json).ok(),
            Some(vec![model])
        );
    }
    let _ = from_line(bytes);
});
