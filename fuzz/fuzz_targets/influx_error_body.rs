//! Whatever a server answers: only 204 is a success, only a 400, 422 or 500 refuses lines, and a reason stays short.
#![no_main]

use shipper::sinks::Outcome;
use shipper::sinks::influxdb::{HttpAnswer, Response, decide};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let [low, high, body @ ..] = bytes else {
        return;
    };
    let status = 200 + u16::from_le_bytes([*low, *high]) % 400;
    let outcome = decide(&HttpAnswer::Response(Response {
        status,
        body: String::from_utf8_lossy(body).into_owned(),
        ..Response::default()
    }));
    assert_eq!(outcome == Outcome::Delivered, status == 204);
    if let Outcome::Refused(refusal) = &outcome {
        assert!([400, 422, 500].contains(&status));
        assert_ne!(refusal.dropped, Some(0));
    }
    assert!(outcome.into_reason().chars().count() < 1000);
});
