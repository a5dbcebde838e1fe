//! Whatever a server and the way to it do: when all is well again, each line is stored once or stands in
//! quarantine with a reason, and the ledger sums.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::Config;
use shipper::config::Catchup;
use shipper::record::Record;
use spool::{Selection, Seq, State};
use support::endpoint::{Endpoint, Fault, Manner, Points};

use super::rig::Rig;

/// Everything that goes wrong in one case.
#[derive(Clone, Debug)]
struct Storm {
    lines: usize,
    batch_lines: usize,
    in_flight: usize,
    catchup: Catchup,
    gzip: bool,
    script: Vec<Option<Fault>>,
    max_body: Option<usize>,
    manner: Manner,
    poisoned: BTreeSet<usize>,
}

fn fault() -> impl Strategy<Value = Option<Fault>> {
    let status = prop::sample::select(vec![
        200, 201, 301, 304, 400, 401, 403, 404, 405, 408, 413, 418, 422, 425, 429, 500, 502, 503,
        504, 599,
    ]);
    prop_oneof![
        3 => Just(None),
        4 => status.prop_map(|status| Some(Fault::Status(status))),
        1 => Just(Some(Fault::RetryAfter(429, "0".to_owned()))),
        1 => Just(Some(Fault::RetryAfter(503, "Sun, 06 Nov 1994 08:49:37 GMT".to_owned()))),
        1 => Just(Some(Fault::RetryAfter(503, "nonsense".to_owned()))),
        1 => Just(Some(Fault::Hang)),
        1 => Just(Some(Fault::Drip(Duration::from_millis(20)))),
        2 => Just(Some(Fault::CloseBefore)),
        2 => Just(Some(Fault::CloseAfter)),
        1 => Just(Some(Fault::Truncated)),
        1 => Just(Some(Fault::Portal)),
        1 => Just(Some(Fault::Redirect)),
    ]
}

fn storm() -> impl Strategy<Value = Storm> {
    let manner = prop::sample::select(vec![
        Manner::NothingNamed,
        Manner::NothingStored,
        Manner::Counted,
        Manner::Counted1x,
        Manner::Counted500,
        Manner::Uncounted,
    ]);
    let catchup = prop::sample::select(vec![
        Catchup::OldestFirst,
        Catchup::NewestFirst,
        Catchup::Interleave,
    ]);
    (
        50_usize..600,
        1_usize..200,
        1_usize..4,
        catchup,
        any::<bool>(),
        manner,
    )
        .prop_flat_map(|(lines, batch_lines, in_flight, catchup, gzip, manner)| {
            (
                prop::collection::vec(fault(), 0..12),
                prop::option::of(1000_usize..20_000),
                prop::collection::btree_set(0..lines, 0..6),
            )
                .prop_map(move |(script, max_body, poisoned)| Storm {
                    lines,
                    batch_lines,
                    in_flight,
                    catchup,
                    gzip,
                    script,
                    max_body,
                    manner,
                    poisoned,
                })
        })
}

proptest! {
    #![proptest_config(Config { cases: 40, max_shrink_iters: 30, failure_persistence: None, ..Config::default() })]

    #[test]
    fn no_storm_loses_or_doubles_a_line(storm in storm()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(weather(&storm))?;
    }
}

fn message(line: usize, poisoned: bool) -> String {
    let mark = if poisoned { "poison" } else { "fine" };
    format!("{mark} {line} \"\\\n {}", "x".repeat(line % 97))
}

async fn weather(storm: &Storm) -> Result<(), TestCaseError> {
    let endpoint = Endpoint::start()?;
    endpoint.script(storm.script.clone());
    endpoint.set_max_body(storm.max_body);
    endpoint.set_poison(storm.manner, |point| {
        point
            .message()
            .starts_with("poison")
            .then(|| "field type conflict: a refused value".to_owned())
    });
    let mut rig = Rig::to_endpoint(&endpoint);
    rig.config.influx.gzip = storm.gzip;
    rig.config.influx.request_timeout = Duration::from_millis(400);
    let forward = &mut rig.config.forward;
    forward.batch_lines = storm.batch_lines;
    forward.in_flight = Some(storm.in_flight);
    forward.catchup = storm.catchup;
    forward.retry_min = Duration::from_millis(1);
    forward.retry_max = Duration::from_millis(10);
    rig.append((0..storm.lines).map(|line| message(line, storm.poisoned.contains(&line))))
        .await;
    rig.drain().await;

    let stats = rig.assert_settled().await;
    let arrived: BTreeSet<String> = endpoint.points(Points::messages).into_iter().collect();
    let quarantined = quarantined(&rig).await;
    for line in 0..storm.lines {
        let poisoned = storm.poisoned.contains(&line);
        let message = message(line, poisoned);
        let kept = quarantined.get(&message);
        prop_assert!(
            !poisoned || kept.is_some(),
            "poisoned line {} is not in quarantine",
            line
        );
        prop_assert!(
            arrived.contains(&message) || kept.is_some(),
            "line {} is nowhere",
            line
        );
        prop_assert!(kept.is_none_or(|reason| !reason.is_empty()));
    }
    prop_assert_eq!(endpoint.points(|points| points.overwritten), 0);
    prop_assert_eq!(stats.quarantined, quarantined.len() as u64);
    prop_assert_eq!(stats.delivered + stats.quarantined, storm.lines as u64);
    prop_assert_eq!(quarantined.len(), storm.poisoned.len());
    Ok(())
}

/// Message and reason of every record in quarantine.
pub(crate) async fn quarantined(rig: &Rig) -> BTreeMap<String, String> {
    let list = rig.store.call(|spool| {
        let selection = Selection {
            state: Some(State::Quarantined),
            ..Selection::default()
        };
        let reasons = spool.quarantined(Seq(0), 10_000)?;
        let entries = spool.ls(&selection, Seq(0), 10_000)?.entries;
        Ok::<_, spool::Error>((reasons, entries))
    });
    let (reasons, entries) = list.await.unwrap().unwrap();
    let message = |seq: Seq| {
        let entry = entries.iter().find(|entry| entry.seq == seq).unwrap();
        let record = Record::decode(&entry.payload).unwrap();
        record
            .log()
            .map_or_else(String::new, |log| log.message.clone().into_owned())
    };
    reasons
        .into_iter()
        .map(|refused| (message(refused.seq), refused.reason))
        .collect()
}
