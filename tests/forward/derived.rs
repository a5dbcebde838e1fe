//! One measurement of derived points in conflict: no line waits for it, no other point is missing, and what is missing is counted.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use shipper::config::Config;
use shipper::insight::derive;
use shipper::record::{LogEntry, Numbering, Record};
use shipper::sinks::{
    Backlogged, BodyLine, ByMeasurement, Checked, Configured, CountError, Credentials, Encoded,
    Form, NumberedLine, Outcome, Sent, Sink, SpokenTo,
};
use spool::Records;
use support::endpoint::{Endpoint, Manner, Point, Points};
use support::influxd::{Influxd1, Server, Settings};

use super::rig::Rig;

const MEMORY: &str = "ollama_memory";

/// Refused, in the words of 1.x and 2.x.
const WORDS: &str = "field type conflict: input field \"bytes\" on measurement \"ollama_memory\" is type integer, already exists as type string";

/// The same from a server that does not say what it is about.
const FEW_WORDS: &str = "field type conflict";

/// One line in ten has a point, of three measurements by turns; one line in thirty of memory.
fn message(line: usize) -> String {
    match line % 30 {
        4 => "load_tensors:        CUDA0 model buffer size =  4403.50 MiB".to_owned(),
        14 => format!(
            r#"[GIN] 2026/02/25 - 18:14:52 | 200 |  1.2778ms |  192.168.3.22 | POST     "/api/generate?x={line}""#
        ),
        24 => r#"time=2025-07-16T08:20:47.858Z level=ERROR source=server.go:449 msg="llama runner terminated" error="exit \"2\"""#.to_owned(),
        _ => format!("line {line}"),
    }
}

/// Appends lines with the points that follow from them, each with a time of its own.
pub(crate) async fn append(rig: &mut Rig, messages: impl IntoIterator<Item = String>) {
    let mut records = rig.records();
    for message in messages {
        let entry = LogEntry {
            realtime: rig.clock,
            number: Numbering::Ordinal {
                of_moment: 0,
                of_alike: 0,
            },
            message: message.clone().into_bytes(),
            unit: "ollama.service".to_owned(),
            ..LogEntry::default()
        };
        rig.clock += 1;
        let mut points = Vec::new();
        derive(&message, &mut points);
        let record = entry.to_record(1_000_000);
        records
            .push_with(entry.key(), |out| record.encode_with(&points, out))
            .unwrap();
    }
    rig.append_records(records).await;
}

fn count(points: &Points, measurement: &str) -> usize {
    let of_it = points
        .iter()
        .filter(|point| point.measurement == measurement);
    of_it.count()
}

const MANNERS: [Manner; 9] = [
    Manner::NothingNamed,
    Manner::NothingQuoted,
    Manner::NothingStored,
    Manner::Counted,
    Manner::CountedOneHour,
    Manner::Counted1x,
    Manner::Quoted1x,
    Manner::Counted500,
    Manner::Uncounted,
];

#[tokio::test]
async fn a_conflict_in_one_derived_measurement_costs_only_its_points() {
    const LINES: usize = 1200;
    for manner in MANNERS {
        for (words, batch_lines) in [(WORDS, 5000), (FEW_WORDS, 5000), (WORDS, 170)] {
            let what = format!("{manner:?}, {words}, {batch_lines}");
            let endpoint = Endpoint::start().unwrap();
            endpoint.set_poison(manner, |point| {
                (point.measurement == MEMORY).then(|| words.to_owned())
            });
            let mut rig = Rig::to_endpoint(&endpoint);
            rig.config.forward.batch_lines = batch_lines;
            append(&mut rig, (0..LINES).map(message)).await;
            let status = rig.drain().await;
            let stats = rig.assert_settled().await;
            assert_eq!(
                (stats.delivered, stats.quarantined),
                (LINES as u64, 0),
                "{what}"
            );
            let held = endpoint.points(|points| {
                let of = |name| count(points, name);
                (
                    of("ollama_logs"),
                    of("ollama_requests"),
                    of("ollama_events"),
                    of(MEMORY),
                )
            });
            assert_eq!(held, (LINES, LINES / 30, LINES / 30, 0), "{what}");
            assert_eq!(status.refused_points, LINES as u64 / 30, "{what}");
            println!("{what}: {} requests", status.requests);
        }
    }
}

#[tokio::test]
async fn lines_to_blame_and_points_to_blame_are_told_apart() {
    const LINES: usize = 900;
    let is_bad_line = |line: usize| line % 100 == 54;
    for manner in MANNERS {
        let endpoint = Endpoint::start().unwrap();
        endpoint.set_poison(manner, |point| {
            let is_bad = point.measurement == MEMORY || point.message().starts_with("conflict");
            is_bad.then(|| FEW_WORDS.to_owned())
        });
        let mut rig = Rig::to_endpoint(&endpoint);
        let lines = (0..LINES).map(|line| match is_bad_line(line) {
            true => format!("conflict {line}"),
            false => message(line),
        });
        append(&mut rig, lines).await;
        let status = rig.drain().await;
        let stats = rig.assert_settled().await;
        let bad = (0..LINES).filter(|line| is_bad_line(*line)).count();
        let kept = (LINES - bad) as u64;
        assert_eq!(
            (stats.delivered, stats.quarantined),
            (kept, bad as u64),
            "{manner:?}"
        );
        // Some lines to blame stand where one with a point would.
        let of = |rest: usize| {
            let lines = (0..LINES).filter(|line| line % 30 == rest && !is_bad_line(*line));
            lines.count()
        };
        let held = endpoint.points(|points| {
            (
                count(points, "ollama_requests"),
                count(points, "ollama_events"),
                count(points, MEMORY),
            )
        });
        assert_eq!(held, (of(14), of(24), 0), "{manner:?}");
        assert_eq!(status.refused_points, of(4) as u64, "{manner:?}");
    }
}

#[tokio::test]
async fn once_the_conflict_is_gone_a_replay_brings_the_missing_points() {
    let endpoint = Endpoint::start().unwrap();
    endpoint.set_poison(Manner::Counted, |point| {
        (point.measurement == MEMORY).then(|| WORDS.to_owned())
    });
    let mut rig = Rig::to_endpoint(&endpoint);
    append(&mut rig, (0..300).map(message)).await;
    assert_eq!(rig.drain().await.refused_points, 10);
    endpoint.cure();
    let replay = rig
        .store
        .call(|spool| spool.replay(&spool::Selection::default()));
    replay.await.unwrap().unwrap();
    assert_eq!(rig.drain().await.refused_points, 0);
    assert_eq!(endpoint.points(|points| count(points, MEMORY)), 10);
}

/// The field that is written past the shipper, with another type.
#[tokio::test]
async fn a_conflict_on_influxdb_1_6_costs_only_its_points() {
    const LINES: usize = 3000;
    let server =
        Influxd1::start(Settings::default()).expect("influxd 1.x (Debian package influxdb)");
    let mut rig = Rig::to_server(&server);
    let before = format!("{MEMORY},host=x bytes=\"text\" {}000\n", rig.clock);
    server.write(&before).unwrap();
    append(&mut rig, (0..LINES).map(message)).await;
    let status = rig.drain().await;
    let stats = rig.assert_settled().await;
    assert_eq!((stats.delivered, stats.quarantined), (LINES as u64, 0));
    let held =
        ["ollama_logs", "ollama_requests", "ollama_events", MEMORY].map(|name| server.count(name));
    let each = LINES as u64 / 30;
    assert_eq!(held, [LINES as u64, each, each, 1]);
    assert_eq!(status.refused_points, each);
    println!("{} requests", status.requests);
    assert!(status.requests <= 8, "{} requests", status.requests);
}

/// A type holds within a shard, which is a week there.
#[tokio::test]
async fn a_conflict_in_an_older_shard_costs_no_points_of_a_newer_one() {
    const LINES: usize = 1500;
    const DAYS_8: u64 = 8 * 86_400_000_000;
    let server =
        Influxd1::start(Settings::default()).expect("influxd 1.x (Debian package influxdb)");
    let mut rig = Rig::to_server(&server);
    let now = rig.clock;
    rig.clock -= DAYS_8;
    let before = format!("{MEMORY},host=x bytes=\"text\" {}000\n", rig.clock);
    server.write(&before).unwrap();
    append(&mut rig, (0..LINES).map(message)).await;
    rig.clock = now;
    append(&mut rig, (0..LINES).map(message)).await;
    let status = rig.drain().await;
    let stats = rig.assert_settled().await;
    assert_eq!((stats.delivered, stats.quarantined), (2 * LINES as u64, 0));
    let newer = format!("SELECT count(bytes) FROM {MEMORY} WHERE time >= {now}000");
    let answer = server.influxql(&newer);
    let newer = &answer["results"][0]["series"][0]["values"][0][1];
    let each = LINES as u64 / 30;
    assert_eq!(newer.as_u64(), Some(each));
    assert_eq!(status.refused_points, each);
    println!("{} requests", status.requests);
}

/// The configured sink, which also tells the numbers of refused lines, as 3.x does.
struct Numbers {
    sink: Configured,
    /// Whether they are wrong by one.
    is_wrong: bool,
}

impl Numbers {
    fn start(rig: &Rig, is_wrong: bool) -> super::rig::Running {
        let sink = rig.sink();
        rig.start_to(Arc::new(Self { sink, is_wrong }))
    }

    fn numbers(&self, records: &Records, lines: &[BodyLine]) -> Vec<usize> {
        let is_bad = |line: &BodyLine| match line.derived {
            Some(measurement) => measurement == MEMORY,
            None => {
                let record = records.get(line.place).unwrap();
                let record = Record::decode(record.payload).unwrap();
                record
                    .log()
                    .is_some_and(|log| log.message.starts_with("conflict"))
            }
        };
        let bad = (1..).zip(lines).filter(|(_, line)| is_bad(line));
        bad.map(|(number, _)| number + usize::from(self.is_wrong))
            .collect()
    }
}

impl Sink for Numbers {
    type Body = (<Configured as Sink>::Body, Vec<usize>);

    fn encode(
        &self,
        records: &Records,
        places: &[usize],
        form: Form,
        limit: usize,
    ) -> Encoded<Self::Body> {
        let encoded = self.sink.encode(records, places, form, limit);
        let lines = self.lines(records, &places[..encoded.taken], form);
        Encoded {
            body: (encoded.body, self.numbers(records, &lines)),
            lines: encoded.lines,
            bytes: encoded.bytes,
            sent_bytes: encoded.sent_bytes,
            taken: encoded.taken,
            unreadable: encoded.unreadable,
        }
    }

    fn lines(&self, records: &Records, places: &[usize], form: Form) -> Vec<BodyLine> {
        self.sink.lines(records, places, form)
    }

    async fn send(&self, (body, numbers): &Self::Body) -> Sent {
        let mut sent = self.sink.send(body).await;
        if let Outcome::Refused(refusal) = &mut sent.outcome {
            let numbered = numbers.iter().map(|number| NumberedLine {
                number: *number,
                reason: refusal.reason.clone(),
            });
            refusal.numbered = numbered.collect();
        }
        sent
    }

    fn credentials(&self) -> Option<Credentials> {
        self.sink.credentials()
    }

    fn spoken(&self) -> Option<SpokenTo> {
        self.sink.spoken()
    }

    fn in_flight(&self) -> usize {
        self.sink.in_flight()
    }

    async fn keeps(&self) -> Option<Duration> {
        self.sink.keeps().await
    }

    async fn count_by_hour(
        &self,
        host: &str,
        measurements: &BTreeSet<&'static str>,
        range: Range<u64>,
    ) -> Result<ByMeasurement, CountError> {
        self.sink.count_by_hour(host, measurements, range).await
    }

    async fn check(config: &Config, waiting: Backlogged) -> Checked {
        Configured::check(config, waiting).await
    }
}

/// An endpoint that refuses points of memory and three lines of 5,000, and stores the rest.
async fn with_refused(is_wrong: bool) -> (Endpoint, u64, u64) {
    let endpoint = Endpoint::start().unwrap();
    endpoint.set_poison(Manner::Uncounted, |point: &Point| {
        let is_bad = point.measurement == MEMORY || point.message().starts_with("conflict");
        is_bad.then(|| FEW_WORDS.to_owned())
    });
    let mut rig = Rig::to_endpoint(&endpoint);
    let lines = (0..5000).map(|line| match line {
        100 | 2600 | 4900 => format!("conflict {line}"),
        _ => message(line),
    });
    append(&mut rig, lines).await;
    let running = Numbers::start(&rig, is_wrong);
    running.input_ended.trigger();
    let status = running.status.clone();
    running.end().await;
    let stats = rig.assert_settled().await;
    assert_eq!((stats.delivered, stats.quarantined), (4997, 3));
    let found: BTreeSet<_> = super::storm::quarantined(&rig).await.into_keys().collect();
    assert!(
        found.iter().all(|line| line.starts_with("conflict")),
        "{found:?}"
    );
    let status = status.borrow().clone();
    (endpoint, status.requests, status.refused_points)
}

#[tokio::test]
async fn numbers_of_lines_lead_straight_to_what_is_refused() {
    let memory = (0..5000).filter(|line| line % 30 == 4).count() as u64;
    let (endpoint, requests, refused_points) = with_refused(false).await;
    assert_eq!(refused_points, memory);
    assert_eq!(endpoint.points(|points| count(points, "ollama_logs")), 4997);
    // The batch; three lines and one that shows that others are stored; a point of memory, the lines without theirs, and the rest;
    // then each of the three once more, and one that shows that others are stored still.
    println!("{requests} requests");
    assert!(requests <= 1 + 3 + 1 + 3 + 3 + 1, "{requests}");
}

#[tokio::test]
async fn wrong_numbers_of_lines_do_no_harm() {
    let (endpoint, requests, refused_points) = with_refused(true).await;
    println!("{requests} requests");
    let memory = (0..5000).filter(|line| line % 30 == 4).count() as u64;
    assert_eq!(refused_points, memory);
    assert_eq!(endpoint.points(|points| count(points, "ollama_logs")), 4997);
}
