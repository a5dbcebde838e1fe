//! What the encoder writes is what the vendor's parser reads.

#![cfg(test)]

use std::borrow::Cow;

use influxdb_line_protocol::{FieldValue, ParsedLine, parse_lines};
use proptest::prelude::*;
use shipper::record::layout::{Layout, LogFields, MsgHashAs};
use shipper::record::{Log, Record, Snapshot};
use shipper::sinks::influxdb::Encoder;
use spool::{EntryKey, MsgHash};

const ALL: LogFields = LogFields {
    pid: true,
    priority: true,
    unit: true,
};

/// Any text, and texts made of what escaping is about.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[\\\\\", =\n\r\ta🦙]{0,30}"]
}

fn field<'a>(line: &'a ParsedLine<'_>, name: &str) -> Option<&'a str> {
    match line.field_value(name)? {
        FieldValue::String(text) => Some(text.as_str()),
        _ => None,
    }
}

fn encoded(encoder: &Encoder, key: &EntryKey, record: &Record<'_>) -> String {
    let mut payload = Vec::new();
    record.encode(&mut payload).unwrap();
    let mut out = Vec::new();
    encoder.encode(key, &payload, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_log_entry_is_read_back_as_it_was(
        host in text(),
        message in text(),
        pid in text(),
        unit in text(),
        priority in prop::option::of(0_u8..8),
        time in 0_u64..1 << 53,
        seqnum in any::<u64>(),
        hash in any::<[u8; 32]>(),
        as_tag in any::<bool>(),
    ) {
        let msg_hash_as = if as_tag { MsgHashAs::Tag } else { MsgHashAs::Field };
        let encoder = Encoder::new(&Layout { host: host.clone(), msg_hash_as, log_fields: ALL });
        let key = EntryKey { time, hash: MsgHash(hash) };
        let record = Record::Log(Log {
            number: seqnum,
            message: Cow::Borrowed(&message),
            truncated: 0,
            pid: Cow::Borrowed(&pid),
            priority,
            unit: Cow::Borrowed(&unit),
        });
        // Twice, so that a quote left open would swallow the second line.
        let line = encoded(&encoder, &key, &record);
        let twice = format!("{line}{line}");
        let lines: Result<Vec<_>, _> = parse_lines(&twice).collect();
        let lines = lines.unwrap();
        prop_assert_eq!(lines.len(), 2);
        for line in &lines {
            prop_assert_eq!(line.series.measurement.as_str(), "ollama_logs");
            prop_assert_eq!(line.tag_value("source").unwrap().as_str(), "systemd");
            let written_host = line.tag_value("host").unwrap().as_str();
            let plain = host.chars().all(|character| character != '\\' && !character.is_control());
            prop_assert!(!plain || host.is_empty() || written_host == host);
            let written_hash = match msg_hash_as {
                MsgHashAs::Tag => line.tag_value("msg_hash").unwrap().as_str(),
                MsgHashAs::Field => field(line, "msg_hash").unwrap(),
            };
            prop_assert_eq!(written_hash, MsgHash(hash).to_string());
            prop_assert_eq!(field(line, "message"), Some(message.as_str()));
            prop_assert_eq!(field(line, "pid").unwrap_or_default(), &pid);
            prop_assert_eq!(field(line, "unit").unwrap_or_default(), &unit);
            let expected = priority.map(|priority| FieldValue::I64(i64::from(priority)));
            prop_assert_eq!(line.field_value("priority"), expected.as_ref());
            let nanos = time * 1000 + seqnum % 1000;
            prop_assert_eq!(line.timestamp, Some(i64::try_from(nanos).unwrap()));
        }
    }

    #[test]
    fn every_inventory_is_read_back_as_it_was(models_json in text(), part in any::<Option<u32>>(), time in 0_u64..1 << 53) {
        let encoder = Encoder::new(&Layout { host: "host".to_owned(), msg_hash_as: MsgHashAs::Tag, log_fields: ALL });
        let key = EntryKey { time, hash: MsgHash([0; 32]) };
        let record = Record::Inventory(Snapshot { models_json: Cow::Borrowed(&models_json), part });
        let line = encoded(&encoder, &key, &record);
        let lines: Vec<_> = parse_lines(&line).map(Result::unwrap).collect();
        prop_assert_eq!(lines.len(), 1);
        prop_assert_eq!(lines[0].series.measurement.as_str(), "ollama_models_inventory");
        prop_assert_eq!(field(&lines[0], "models_json"), Some(models_json.as_str()));
        let part = part.map(|part| FieldValue::I64(i64::from(part)));
        prop_assert_eq!(lines[0].field_value("part"), part.as_ref());
    }
}
