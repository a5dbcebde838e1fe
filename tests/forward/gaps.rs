//! What `replay --gaps` finds, by a real InfluxDB 1.6.7 and by what 2.9.1 answers.

use std::borrow::Cow;
use std::error::Error;
use std::path::PathBuf;

use shipper::base::when::When;
use shipper::config::Api;
use shipper::operate::gaps::{self, Comparison, Unjudged};
use shipper::operate::{Effect, Operator, Period};
use shipper::record::layout::MsgHashAs;
use shipper::record::{Record, Report};
use shipper::sinks::HOUR;
use support::endpoint::{Bucket, Endpoint, Fault};
use support::influxd::{Influxd1, Influxd3, Settings};

use super::derived;
use super::rig::{Rig, base_time};

type Failed = Box<dyn Error>;

const ORG_ID: &str = "00000000000000a1";
const BUCKET_ID: &str = "00000000000000b2";

/// Names that have broken somebody's escaping.
const AWKWARD: [&str; 5] = [
    "two words",
    "say \"hello\"",
    "it's back\\slashed",
    "Zürich 日本",
    "${x} and \\${y}",
];

fn bucket(org: &str, name: &str) -> Bucket {
    Bucket {
        org: org.to_owned(),
        org_id: ORG_ID.to_owned(),
        name: name.to_owned(),
        id: BUCKET_ID.to_owned(),
        keeps: 0,
        shard: 3600,
    }
}

/// The stand-in for 2.9.1.
fn endpoint() -> Endpoint {
    let endpoint = Endpoint::start().unwrap();
    endpoint.set_bucket(bucket("org", "logs"));
    endpoint
}

fn hour(ago: u64) -> u64 {
    (base_time() / HOUR - ago) * HOUR
}

/// Lines, a snapshot and a report in each of three hours: 4, 5 and 6 records.
async fn deliver_three_hours(rig: &mut Rig) {
    for number in 0..3 {
        rig.clock = hour(10 - number) + 1000;
        rig.append((0..2 + number).map(|line| line.to_string()))
            .await;
        rig.append_inventory(rig.clock, "[]").await;
        let report = Report {
            version: Cow::Borrowed("0.2"),
            numbers: vec![(Cow::Borrowed("read"), 0)],
            texts: vec![(Cow::Borrowed("server"), Cow::Borrowed("up"))],
        };
        let mut records = rig.records();
        let record = Record::Report(report);
        records
            .push_with(Report::key(rig.clock), |out| record.encode(out))
            .unwrap();
        rig.append_records(records).await;
    }
    rig.drain().await;
}

async fn compare(rig: &Rig) -> Result<Comparison, Failed> {
    let operator = Operator::alone(rig.store.clone(), PathBuf::new());
    let ask = async |request| Ok::<_, Failed>(operator.answer(request).await?);
    gaps::find(&ask, &rig.sink(), Period::default(), When::now()).await
}

/// Of each hour what was delivered and what is there.
async fn found(rig: &Rig) -> Vec<(u64, u64)> {
    let compared = compare(rig).await.unwrap();
    assert!(compared.hours.iter().all(|hour| hour.unjudged.is_none()));
    let sides = compared.hours.iter();
    sides.map(|hour| (hour.delivered, hour.stored)).collect()
}

/// How many records would be sent again.
async fn sent_again(rig: &Rig, compared: &Comparison) -> u64 {
    let operator = Operator::alone(rig.store.clone(), PathBuf::new());
    let ask = async |request| Ok::<_, Failed>(operator.answer(request).await?);
    let counted = gaps::send_again(&ask, &compared.hours, Effect::Count).await;
    counted.unwrap()
}

const WHOLE: [(u64, u64); 3] = [(4, 4), (5, 5), (6, 6)];

#[tokio::test]
async fn every_kind_of_record_counts_once_also_with_reports_of_the_shipper_in_the_range() {
    let two = endpoint();
    let one = Influxd1::start(Settings::default()).unwrap();
    let three = Influxd3::any().unwrap();
    for mut rig in [
        Rig::to_endpoint(&two),
        Rig::to_server(&one),
        Rig::to_server(&three),
    ] {
        deliver_three_hours(&mut rig).await;
        assert_eq!(found(&rig).await, WHOLE);
        // 3.x never takes a tag for a field.
        let is_3 = rig.config.influx.api == Some(Api::V3);
        if !is_3 {
            rig.config.local.layout.msg_hash_as = MsgHashAs::Field;
        }
        rig.clock = hour(8);
        rig.append(["three more"; 3]).await;
        rig.drain().await;
        assert_eq!(found(&rig).await, [WHOLE[0], WHOLE[1], (9, 9)]);
    }
}

#[tokio::test]
async fn points_that_follow_from_lines_count_as_well_and_one_measurement_does_not_make_up_for_another()
 {
    let two = endpoint();
    let mut rig = Rig::to_endpoint(&two);
    for ago in [3, 2] {
        rig.clock = hour(ago) + 1000;
        let request = |n| {
            format!("[GIN] 2026/11/26 - 00:00:00 | 200 |  {n}.5ms | 127.0.0.1 | POST \"/api/chat\"")
        };
        derived::append(&mut rig, (0..20).map(request)).await;
    }
    rig.drain().await;
    two.lose(|point| {
        point.measurement == "ollama_requests" && point.time < hour(2).cast_signed() * 1000
    });
    // Another writer has more than enough of another measurement there.
    let strange = |n: u64| {
        let time = hour(3) * 1000 + n;
        format!("ollama_logs,host=test\\ host,msg_hash={n} message=\"x\" {time}\n")
    };
    two.insert(&(0..50).map(strange).collect::<String>());
    let compared = compare(&rig).await.unwrap();
    let sides: Vec<_> = compared
        .hours
        .iter()
        .map(|hour| (hour.delivered, hour.stored, hour.derived_missing))
        .collect();
    assert_eq!(sides, [(20, 20, 20), (20, 20, 0)]);
    assert_eq!(sent_again(&rig, &compared).await, 20);
}

#[tokio::test]
async fn weeks_of_3_x_are_counted_day_by_day() {
    let three = Influxd3::any().unwrap();
    let mut rig = Rig::to_server(&three);
    for ago in [400, 200, 27, 3] {
        rig.clock = hour(ago);
        rig.append((0..ago).map(|line| line.to_string())).await;
    }
    rig.drain().await;
    let expected = [400, 200, 27, 3].map(|lines| (lines, lines));
    assert_eq!(found(&rig).await, expected);
}

#[tokio::test]
async fn names_with_blanks_quotes_letters_and_what_flux_fills_in_are_asked_for_as_they_are() {
    let one = Influxd1::start(Settings::default()).unwrap();
    for name in AWKWARD {
        let two = Endpoint::start().unwrap();
        two.set_bucket(bucket(name, name));
        // 1.x takes no database with a backslash in its name.
        let of_one = name.replace('\\', "");
        let quoted = of_one.replace('"', "\\\"");
        one.influxql(&format!("CREATE DATABASE \"{quoted}\""));
        one.influxql(&format!(
            "CREATE RETENTION POLICY \"{quoted}\" ON \"{quoted}\" DURATION INF REPLICATION 1"
        ));
        let mut rigs = [
            Rig::to_endpoint(&two),
            Rig::to_server(&one),
            Rig::to_server(&one),
        ];
        let names = [
            name.to_owned(),
            of_one.clone(),
            format!("{of_one}/{of_one}"),
        ];
        for (rig, bucket) in rigs.iter_mut().zip(names) {
            rig.config.influx.org = name.to_owned();
            rig.config.influx.bucket = bucket;
            rig.config.local.layout.host = name.to_owned();
            deliver_three_hours(rig).await;
            assert_eq!(found(rig).await, WHOLE, "{name}");
        }
    }
}

#[tokio::test]
async fn organisation_and_bucket_go_by_name_and_by_id_and_by_a_name_of_the_form_of_an_id() {
    const NAME: &str = "0123456789abcdef";
    for (org, bucket_name) in [("org", "logs"), (NAME, NAME)] {
        let endpoint = Endpoint::start().unwrap();
        endpoint.set_bucket(Bucket {
            keeps: 86_400,
            ..bucket(org, bucket_name)
        });
        for asked_org in [org, ORG_ID] {
            for asked_bucket in [bucket_name, BUCKET_ID] {
                let mut rig = Rig::to_endpoint(&endpoint);
                rig.config.influx.org = asked_org.to_owned();
                rig.config.influx.bucket = asked_bucket.to_owned();
                deliver_three_hours(&mut rig).await;
                let compared = compare(&rig).await.unwrap();
                assert!(compared.hours.iter().all(|hour| hour.missing() == 0));
                assert_eq!(compared.keeps.unwrap().as_secs(), 86_400, "{asked_bucket}");
            }
        }
    }
}

#[tokio::test]
async fn a_bucket_or_an_organisation_that_is_not_there_is_named_and_nothing_is_sent() {
    let endpoint = endpoint();
    let mut rig = Rig::to_endpoint(&endpoint);
    deliver_three_hours(&mut rig).await;
    for (org, bucket, words) in [
        ("org", "elsewhere", "could not find bucket"),
        ("org", "00000000000000ff", "could not find bucket"),
        ("nobody", "logs", "organization name"),
    ] {
        rig.config.influx.org = org.to_owned();
        rig.config.influx.bucket = bucket.to_owned();
        let error = compare(&rig).await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[tokio::test]
async fn a_field_of_two_types_makes_no_gap_of_hours_that_are_whole() {
    let two = endpoint();
    let one = Influxd1::start(Settings::default()).unwrap();
    one.influxql(
        "CREATE RETENTION POLICY hourly ON logs DURATION INF REPLICATION 1 SHARD DURATION 1h DEFAULT",
    );
    // Another writer's messages are numbers, in an hour of which there is a snapshot alone.
    let strange = format!("ollama_logs,host=test\\ host message=1 {}", hour(11) * 1000);
    two.insert(&strange);
    one.write(&strange).unwrap();
    for mut rig in [Rig::to_endpoint(&two), Rig::to_server(&one)] {
        rig.append_inventory(hour(11), "[]").await;
        deliver_three_hours(&mut rig).await;
        let found = found(&rig).await;
        assert_eq!(found[1..], WHOLE);
        assert!(found[0].1 >= 1, "{found:?}");
        assert_eq!(sent_again(&rig, &compare(&rig).await.unwrap()).await, 0);
    }
}

#[tokio::test]
async fn hours_beyond_what_the_server_keeps_are_not_sent_again_in_vain() {
    let two = endpoint();
    let one = Influxd1::start(Settings::default()).unwrap();
    let mut rigs = [Rig::to_endpoint(&two), Rig::to_server(&one)];
    for rig in &mut rigs {
        deliver_three_hours(rig).await;
    }
    for rig in rigs {
        let kept = (When::now().0 - hour(9)) / 1_000_000 + 60;
        two.set_bucket(Bucket {
            keeps: kept,
            ..bucket("org", "logs")
        });
        two.lose(|_| true);
        one.influxql(&format!(
            "ALTER RETENTION POLICY autogen ON logs DURATION {kept}s SHARD DURATION 1h"
        ));
        for measurement in ["ollama_logs", "ollama_models_inventory", "ollama_shipper"] {
            one.influxql(&format!("DROP SERIES FROM {measurement}"));
        }
        let compared = compare(&rig).await.unwrap();
        assert_eq!(compared.keeps.unwrap().as_secs(), kept);
        let why: Vec<_> = compared.hours.iter().map(|hour| hour.unjudged).collect();
        assert_eq!(why, [Some(Unjudged::BeyondRetention), None, None]);
        assert_eq!(sent_again(&rig, &compared).await, 5 + 6);
    }
}

#[tokio::test]
async fn an_hour_without_an_answer_is_not_judged_and_the_others_are_sent() {
    let endpoint = endpoint();
    let mut rig = Rig::to_endpoint(&endpoint);
    deliver_three_hours(&mut rig).await;
    endpoint.lose(|_| true);
    let alone = |ago| {
        let (start, stop) = (hour(ago) / 1_000_000, hour(ago - 1) / 1_000_000);
        format!("range(start: {start}, stop: {stop})")
    };
    let silent = alone(9);
    endpoint.set_silence(move |flux| flux.contains(&silent).then_some(Fault::Status(500)));
    let compared = compare(&rig).await.unwrap();
    let why: Vec<_> = compared.hours.iter().map(|hour| hour.unjudged).collect();
    assert_eq!(why, [None, Some(Unjudged::Unanswered), None]);
    assert!(compared.unanswered.is_some());
    assert_eq!(sent_again(&rig, &compared).await, 4 + 6);

    // Nor is the whole range needed, if hours are answered.
    let hours = [alone(10), alone(9), alone(8)];
    endpoint.set_silence(move |flux| {
        let is_alone = hours.iter().any(|hour| flux.contains(hour));
        (!is_alone).then_some(Fault::Status(500))
    });
    let compared = compare(&rig).await.unwrap();
    assert_eq!(sent_again(&rig, &compared).await, 4 + 5 + 6);

    endpoint.set_silence(|_| Some(Fault::Status(500)));
    assert!(compare(&rig).await.is_err());
}
