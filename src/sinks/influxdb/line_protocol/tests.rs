use std::borrow::Cow;

use spool::MsgHash;

use super::*;
use crate::record::{Event, Kind};

const KEY: EntryKey = EntryKey {
    time: 1_700_000_000_000_001,
    hash: MsgHash([0xab; 32]),
};

fn log(message: &str) -> Vec<u8> {
    let mut payload = Vec::new();
    Record::Log(Log {
        number: 12_345,
        message: Cow::Borrowed(message),
        truncated: 0,
        pid: Cow::Borrowed("77"),
        priority: Some(6),
        unit: Cow::Borrowed("ollama.service"),
    })
    .encode(&mut payload)
    .unwrap();
    payload
}

fn encoder(host: &str, msg_hash_as: MsgHashAs, log_fields: LogFields) -> Encoder {
    Encoder::new(&Layout {
        host: host.to_owned(),
        msg_hash_as,
        log_fields,
    })
}

fn line(encoder: &Encoder, payload: &[u8]) -> String {
    let mut out = Vec::new();
    encoder.encode(&KEY, payload, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_log_line_has_the_tags_and_the_field_of_the_contract() {
    let encoder = encoder("gpu 1", MsgHashAs::Tag, LogFields::default());
    let hash = "ab".repeat(32);
    assert_eq!(
        line(&encoder, &log("say \"hi\" \\ to\nall, a=b")),
        format!(
            "ollama_logs,host=gpu\\ 1,msg_hash={hash},source=systemd \
             message=\"say \\\"hi\\\" \\\\ to\nall, a=b\" 1700000000000001345\n"
        )
    );
}

#[test]
fn the_hash_and_what_else_was_asked_for_are_fields() {
    let all = LogFields {
        pid: true,
        priority: true,
        unit: true,
    };
    let encoder = encoder("h", MsgHashAs::Field, all);
    let hash = "ab".repeat(32);
    assert_eq!(
        line(&encoder, &log("")),
        format!(
            "ollama_logs,host=h,source=systemd message=\"\",msg_hash=\"{hash}\",pid=\"77\",\
             priority=6i,unit=\"ollama.service\" 1700000000000001345\n"
        )
    );
}

#[test]
fn parts_of_one_snapshot_are_points_of_their_own() {
    let encoder = encoder("h", MsgHashAs::Tag, LogFields::default());
    let lines: Vec<_> = [None, Some(1), Some(2)]
        .map(|part| {
            let mut payload = Vec::new();
            Record::Inventory(Snapshot {
                models_json: Cow::Borrowed(r#"[{"name":"a"}]"#),
                part,
            })
            .encode(&mut payload)
            .unwrap();
            line(&encoder, &payload)
        })
        .into();
    let head = r#"ollama_models_inventory,host=h models_json="[{\"name\":\"a\"}]""#;
    assert_eq!(
        lines,
        [
            format!("{head} 1700000000000001000\n"),
            format!("{head},part=1i 1700000000000001001\n"),
            format!("{head},part=2i 1700000000000001002\n")
        ]
    );
}

#[test]
fn no_point_is_later_than_influxdb_s_last_time() {
    let encoder = encoder("h", MsgHashAs::Tag, LogFields::default());
    let snapshot = Record::Inventory(Snapshot {
        models_json: Cow::Borrowed("[]"),
        part: None,
    });
    let mut with_events = Vec::new();
    let event = || Derived::Event(Event::of(Kind::ModelAdded));
    snapshot
        .encode_with(&[event(), event()], &mut with_events)
        .unwrap();
    let last_micros = i64::MAX.unsigned_abs() / 1000;
    let key = EntryKey {
        time: last_micros,
        ..KEY
    };
    assert_eq!(point_time(&key, 805), LAST_TIME - 1);
    assert_eq!(point_time(&key, 807), LAST_TIME);
    for micros in [last_micros + 1, u64::MAX / 1000, u64::MAX] {
        let key = EntryKey {
            time: micros,
            ..KEY
        };
        for payload in [&log("x"), &with_events] {
            let mut out = Vec::new();
            encoder.encode(&key, payload, &mut out).unwrap();
            let lines = String::from_utf8(out).unwrap();
            for line in lines.lines() {
                assert!(line.ends_with(" 9223372036854775806"), "{line}");
            }
            let places = encoder.places(&key, payload).unwrap();
            assert_eq!(places.len(), lines.lines().count());
            assert!(places.iter().all(|place| place.nanos == LAST_TIME));
        }
    }
}

#[test]
fn a_payload_that_does_not_decode_leaves_the_buffer_as_it_was() {
    let encoder = encoder("h", MsgHashAs::Tag, LogFields::default());
    let mut out = b"before".to_vec();
    assert!(encoder.encode(&KEY, &[1, 200, 3], &mut out).is_err());
    assert_eq!(out, b"before");
}
