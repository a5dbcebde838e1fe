//! The report on a day that the test knows: its numbers, its table, its page.

use std::borrow::Cow;

use shipper::insight::{Models, Reader};
use shipper::operate::report::{Collector, Overview, Table, html};
use shipper::record::{Derived, Log, Record, Report as SelfReport, Snapshot};

/// 2026-11-22T00:00:00Z.
const START: u64 = 1_795_305_600_000_000;
const MINUTE: u64 = 60_000_000;

/// The stored form.
fn stored(record: &Record<'_>, points: &[Derived<'_>]) -> Vec<u8> {
    let mut payload = Vec::new();
    record.encode_with(points, &mut payload).unwrap();
    payload
}

fn log(message: &str) -> Record<'_> {
    Record::Log(Log {
        number: 1,
        message: Cow::Borrowed(message),
        truncated: 0,
        pid: Cow::Borrowed("1"),
        priority: Some(6),
        unit: Cow::Borrowed("ollama.service"),
    })
}

/// Records as the intake stores them.
#[derive(Default)]
struct Day {
    reader: Reader,
    collector: Collector,
}

impl Day {
    fn record(&mut self, minute: u64, record: &Record<'_>, points: &[Derived<'_>]) {
        let time = START + minute * MINUTE;
        self.collector.record(time, &stored(record, points));
    }

    fn line(&mut self, minute: u64, message: &str) {
        let mut points = Vec::new();
        self.reader.derive(message, &mut points);
        self.record(minute, &log(message), &points);
    }

    /// What the shipper reports on itself in that minute.
    fn outage(&mut self, minute: u64, numbers: [(&'static str, u64); 2]) {
        let numbers =
            numbers.map(|(name, number)| (Cow::Borrowed(name), i64::try_from(number).unwrap()));
        let report = SelfReport {
            numbers: numbers.into(),
            ..SelfReport::default()
        };
        self.record(minute, &Record::Report(report), &[]);
    }
}

/// A day: a request a minute whose latency is its hour in seconds, every tenth refused; two loads, a crash, tokens.
fn day() -> Overview {
    let mut day = Day::default();
    let sha = "dde5aa3fc5ffc17176b5e8bdc82f587b24b2678c6c66101bf7da77af9f7ccdff";
    let models = format!(
        r#"[{{"name":"llama3:<8b>","digest":"d","size":4661224676,"model_sha256":"{sha}"}},{{"name":"qwen3:0.6b","digest":"e","size":522653767}}]"#
    );
    let snapshot = Snapshot {
        models_json: Cow::Borrowed(&models),
        part: None,
    };
    day.reader.set_models(Models::from_json(&models).unwrap());
    day.record(0, &Record::Inventory(snapshot), &[]);
    day.line(0,
        r#"time=2026-11-22T00:00:00.000Z level=INFO source=routes.go:1667 msg="Listening on [::]:11434 (version 0.14.2)""#,
    );
    for hour in [1, 7] {
        let start = format!(
            r#"time=2026-11-22T0{hour}:00:00.000Z level=INFO source=server.go:431 msg="starting runner" cmd="/usr/bin/ollama runner --model /m/blobs/sha256-{sha} --port 1""#
        );
        let done = format!(
            r#"time=2026-11-22T0{hour}:00:0{hour}.500Z level=INFO source=server.go:1432 msg="llama runner started in {hour}.50 seconds""#
        );
        for message in [&start, &done, &done] {
            day.line(hour * 60, message);
        }
    }
    day.line(600,
        r#"time=2026-11-22T10:00:00.000Z level=ERROR source=server.go:449 msg="llama runner terminated" error="exit status 2""#,
    );
    day.line(
        601,
        "load_tensors:        CUDA0 model buffer size =  4403.50 MiB",
    );
    day.line(602,
        "slot print_timing: id  0 | task 4 |        eval time =     200.50 ms /     9 tokens (   22.28 ms per token,    44.89 tokens per second)",
    );
    for minute in 0..24 * 60 {
        let (hour, refused) = (minute / 60, minute % 10 == 0);
        let (status, latency) = if refused {
            (503, "12µs".to_owned())
        } else {
            (200, format!("{hour}.5s"))
        };
        let message = format!(
            r#"[GIN] 2026/11/22 - {hour:02}:00:00 | {status} | {latency:>13} |       127.0.0.1 | POST     "/api/chat""#
        );
        day.line(minute, &message);
    }
    day.outage(30, [("outage_since", START), ("outage_seconds", 1700)]);
    day.outage(
        40,
        [("last_outage_since", START), ("last_outage_seconds", 1_800)],
    );
    day.outage(
        50,
        [
            ("outage_since", START + 49 * MINUTE),
            ("outage_seconds", 60),
        ],
    );
    day.collector.record(START, b"\xff");
    day.collector.finish()
}

#[test]
fn a_report_says_what_happened_that_day() {
    let report = day();
    assert_eq!(report.span, Some((START, START + (24 * 60 - 1) * MINUTE)));
    assert_eq!((report.lines, report.unreadable), (1440 + 10, 1));
    let [answered, refused] = report.requests[..] else {
        panic!("{:?}", report.requests);
    };
    assert_eq!((answered.status, answered.count), (200, 1296));
    assert_eq!((refused.status, refused.count), (503, 144));
    assert_eq!(answered.latency_ms.p50, 11_500.0);
    assert_eq!(answered.latency_ms.p95, 22_500.0);
    assert_eq!(answered.latency_ms.p99, 23_500.0);
    assert_eq!(report.request_count(), 1440);
    let answered: u64 = report.moments.iter().map(|moment| moment.answered).sum();
    let failed: u64 = report.moments.iter().map(|moment| moment.failed).sum();
    assert_eq!((report.moments.len(), answered, failed), (36, 1296, 144));
    let [load] = &report.loads[..] else {
        panic!("{:?}", report.loads);
    };
    assert_eq!(
        (load.model.as_str(), load.done, load.failed),
        ("llama3:<8b>", 2, 0)
    );
    assert_eq!(
        load.seconds.map(|seconds| (seconds.p50, seconds.p99)),
        Some((1.5, 7.5))
    );
    assert_eq!(report.event_count("crash"), 1);
    assert_eq!(report.event_count("server_start"), 1);
    let outages: Vec<_> = report
        .outages
        .iter()
        .map(|outage| (outage.since - START, outage.seconds, outage.is_over))
        .collect();
    assert_eq!(outages, [(0, 1_800, true), (49 * MINUTE, 60, false)]);
    assert_eq!(report.speeds[0].tokens, 9);
    assert_eq!(report.memory[0].bytes, 4_617_404_416);
    assert_eq!(report.models[0].0, "llama3:<8b>");
}

#[test]
fn the_table_fits_a_terminal_and_names_everything() {
    let table = Table(&day()).to_string();
    for part in [
        "503 POST /api/chat",
        "llama3:<8b>",
        "load_done",
        "CUDA0 weights",
        "generation",
        "qwen3:0.6b",
        "30.0m",
        "over 1.0m",
    ] {
        assert!(table.contains(part), "{part} is not in\n{table}");
    }
    let widest = table.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(100), "{widest:?}\n{table}");
}

#[test]
fn the_page_needs_nothing_else_and_lets_no_markup_in() {
    let page = html(&day(), "host <1>").unwrap();
    assert_eq!(page.matches("<svg").count(), 2);
    assert!(page.contains("llama3:&lt;8b&gt;") && page.contains("host &lt;1&gt;"));
    let own = page.replace("http://www.w3.org/2000/svg", "");
    for outside in [
        "http://", "https://", "<script", "<link", "<img", "@import", "url(",
    ] {
        assert!(!own.contains(outside), "{outside}");
    }
    // The charts take the page's colours, so that both light and dark can be read.
    for colour in ["#2F7DB8", "#D15A3A", "#33373D", "#DDE1E6"] {
        assert!(
            page.contains(&format!("svg [fill=\"{colour}\"]")),
            "{colour}"
        );
    }
    assert!(page.contains("fill=\"#2F7DB8\"") && page.contains("prefers-color-scheme:dark"));
}

#[test]
fn nothing_in_the_spool_is_a_report_too() {
    let report = Collector::default().finish();
    assert_eq!(report, Overview::default());
    assert!(Table(&report).to_string().contains("nothing"));
    assert!(html(&report, "h").unwrap().contains("nothing"));
}

#[test]
fn a_report_shows_what_was_stored_and_not_what_the_text_means_to_this_version() {
    let message = r#"[GIN] 2026/11/22 - 00:00:00 | 200 | 1.5s | 127.0.0.1 | POST "/api/chat""#;
    let mut points = Vec::new();
    Reader::default().derive(message, &mut points);
    assert_eq!(points.len(), 1);
    let mut collector = Collector::default();
    collector.record(START, &stored(&log("in words of another version"), &points));
    collector.record(START, &stored(&log(message), &[]));
    let report = collector.finish();
    assert_eq!((report.lines, report.request_count()), (2, 1));
}
