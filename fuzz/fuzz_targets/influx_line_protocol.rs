//! Whatever a host is called and a message says: the vendor's parser reads one line with exactly that message.
#![no_main]

use std::borrow::Cow;

use influxdb_line_protocol::{FieldValue, parse_lines};
use shipper::record::layout::{Layout, LogFields, MsgHashAs};
use shipper::record::{Log, Record};
use shipper::sinks::influxdb::Encoder;
use spool::{EntryKey, MsgHash};

const ALL: LogFields = LogFields {
    pid: true,
    priority: true,
    unit: true,
};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((&split, bytes)) = bytes.split_first() else {
        return;
    };
    let (host, message) = bytes.split_at(usize::from(split / 2).min(bytes.len()));
    let (host, message) = (
        String::from_utf8_lossy(host),
        String::from_utf8_lossy(message),
    );
    let msg_hash_as = if split % 2 == 0 {
        MsgHashAs::Tag
    } else {
        MsgHashAs::Field
    };
    let record = Record::Log(Log {
        number: u64::from(split),
        message: Cow::Borrowed(&message),
        truncated: 0,
        pid: Cow::Borrowed(&host),
        priority: Some(split % 8),
        unit: Cow::Borrowed(&message),
    });
    let mut payload = Vec::new();
    record.encode(&mut payload).expect("encodes");
    let key = EntryKey {
        time: 1_700_000_000_000_000,
        hash: MsgHash([split; 32]),
    };
    let mut out = Vec::new();
    Encoder::new(&Layout {
        host: host.clone().into_owned(),
        msg_hash_as,
        log_fields: ALL,
    })
    .encode(&key, &payload, &mut out)
    .expect("what was encoded decodes");
    // Twice, so that a quote left open would swallow the second line.
    out.extend_from_within(..);
    let text = String::from_utf8(out).expect("UTF-8");
    let lines: Vec<_> = parse_lines(&text)
        .map(|line| line.expect("parses"))
        .collect();
    assert_eq!(lines.len(), 2);
    for line in &lines {
        match line.field_value("message") {
            Some(FieldValue::String(text)) => assert_eq!(text.as_str(), message),
            other => panic!("{other:?}"),
        }
    }
});
