//! Random streams against models of servers, on a paused clock: nothing innocent in quarantine, everything to blame found, everything
//! else stored, in bounded time and requests. `FORWARD_LONG=1` runs many more cases.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::Config;
use shipper::base::stop::Stop;
use shipper::config::{Catchup, ForwardSettings};
use shipper::counters::forward::ForwardStatus;
use shipper::stages::forward::{self, Remainder};
use spool::{MsgHash, State};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::model::{Illness, Manner, Memory, Model, Nature, Server, key};

const DAY: Duration = Duration::from_secs(86_400);

fn settings(batch_lines: usize, in_flight: usize, catchup: Catchup) -> ForwardSettings {
    ForwardSettings {
        batch_lines,
        batch_bytes: 4 << 20,
        linger: Duration::from_millis(1000),
        retry_min: Duration::from_secs(1),
        retry_max: Duration::from_secs(60),
        in_flight: Some(in_flight),
        catchup,
        max_rate: None,
    }
}

/// One run of the stage.
struct Run {
    stop: Stop,
    input_ended: Stop,
    status: watch::Receiver<ForwardStatus>,
    task: tokio::task::JoinHandle<Remainder>,
}

impl Run {
    fn start(memory: &Memory, server: &Arc<Server>, settings: &ForwardSettings) -> Self {
        let (stop, input_ended) = (Stop::new().unwrap(), Stop::new().unwrap());
        let (sender, status) = watch::channel(ForwardStatus::default());
        let stage = forward::run(
            memory.clone(),
            Arc::clone(server),
            settings.clone(),
            sender,
            input_ended.clone(),
            stop.clone(),
        );
        let task = tokio::spawn(async move { stage.await.unwrap() });
        Self {
            stop,
            input_ended,
            status,
            task,
        }
    }

    async fn stop(self) {
        self.stop.trigger();
        self.task.await.unwrap();
    }
}

#[derive(Clone, Debug)]
struct Case {
    lines: usize,
    natures: Vec<(usize, Nature)>,
    /// Lines of the other measurement.
    inventories: BTreeSet<usize>,
    model: Model,
    batch_lines: usize,
    in_flight: usize,
    catchup: Catchup,
    /// When the stage is stopped and started again.
    restarts: Vec<Duration>,
    seed: u64,
}

fn fault() -> impl Strategy<Value = (Range<Duration>, Illness)> {
    let kind = prop_oneof![
        Just(Illness::Down),
        Just(Illness::Busy),
        Just(Illness::Stated),
        Just(Illness::Hold),
        Just(Illness::RefusesAll),
        (1_u32..6).prop_map(Illness::Flaky),
    ];
    (0_u64..120_000, 10_u64..60_000, kind).prop_map(|(start, length, kind)| {
        let start = Duration::from_millis(start);
        (start..start + Duration::from_millis(length), kind)
    })
}

fn model() -> impl Strategy<Value = Model> {
    let manner = prop::sample::select(vec![
        Manner::Whole,
        Manner::NamesOne,
        Manner::NamesAll,
        Manner::NamesWrong,
        Manner::Counts,
        Manner::Miscounts,
    ]);
    (
        manner,
        prop::option::weighted(0.2, 1_usize..300),
        prop::option::weighted(0.2, 300_usize..60_000),
        prop::option::weighted(0.2, 1_usize..300),
        prop::sample::select(vec![0_u64, 0, 3, 30]).prop_map(Duration::from_secs),
        prop::collection::vec(fault(), 0..4),
    )
        .prop_map(
            |(manner, slow_from, max_bytes, max_lines, recovery, faults)| Model {
                manner,
                slow_from,
                max_bytes,
                max_lines,
                recovery,
                faults,
            },
        )
}

fn case() -> impl Strategy<Value = Case> {
    let nature = prop_oneof![
        6 => Just(Nature::Bad),
        1 => Just(Nature::Deadly),
        2 => Just(Nature::Old),
    ];
    let catchup = prop::sample::select(vec![
        Catchup::OldestFirst,
        Catchup::NewestFirst,
        Catchup::Interleave,
    ]);
    (20_usize..600).prop_flat_map(move |lines| {
        (
            prop::collection::vec((0..lines, nature.clone()), 0..12),
            prop::collection::btree_set(0..lines, 0..4),
            model(),
            1_usize..400,
            1_usize..4,
            catchup.clone(),
            prop::collection::vec((0_u64..200_000).prop_map(Duration::from_millis), 0..3),
            any::<u64>(),
        )
            .prop_map(
                move |(
                    natures,
                    inventories,
                    model,
                    batch_lines,
                    in_flight,
                    catchup,
                    restarts,
                    seed,
                )| {
                    Case {
                        lines,
                        natures,
                        inventories,
                        model,
                        batch_lines,
                        in_flight,
                        catchup,
                        restarts,
                        seed,
                    }
                },
            )
    })
}

fn cases() -> u32 {
    match std::env::var_os("FORWARD_LONG") {
        Some(_) => 20_000,
        None => 1000,
    }
}

proptest! {
    #![proptest_config(Config { cases: cases(), max_shrink_iters: 400, failure_persistence: None, ..Config::default() })]

    #[test]
    fn whatever_a_server_does_only_lines_to_blame_are_in_quarantine_and_all_others_are_stored(case in case()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()?;
        runtime.block_on(simulate(&case))?;
    }
}

async fn simulate(case: &Case) -> Result<(), TestCaseError> {
    let mut natures: BTreeMap<MsgHash, Nature> = BTreeMap::new();
    for (line, nature) in &case.natures {
        // What is too old is older than all else.
        let line = match nature {
            Nature::Old => line / 20,
            _ => *line,
        };
        natures.entry(key(line as u64).hash).or_insert(*nature);
    }
    let memory = Memory::default();
    for line in 0..case.lines {
        match case.inventories.contains(&line) {
            true => memory.append_inventory(line as u64),
            false => memory.append_log(line as u64),
        };
    }
    // Of each measurement something good arrives now and then, as long as it takes.
    let server = Arc::new(Server::new(case.model.clone(), natures.clone(), case.seed));
    let settings = settings(case.batch_lines, case.in_flight, case.catchup);
    let started = Instant::now();
    let mut run = Run::start(&memory, &server, &settings);
    let mut restarts = case.restarts.clone();
    restarts.sort_unstable();
    let mut number = case.lines as u64;
    while !memory.in_state(State::Pending).is_empty() {
        prop_assert!(
            started.elapsed() < DAY,
            "after a day {} lines are left: {:?} {:?}",
            memory.in_state(State::Pending).len(),
            memory
                .in_state(State::Pending)
                .iter()
                .take(3)
                .collect::<Vec<_>>(),
            run.status.borrow().clone()
        );
        sleep(Duration::from_secs(10)).await;
        if restarts.first().is_some_and(|at| started.elapsed() >= *at) {
            restarts.remove(0);
            run.stop().await;
            run = Run::start(&memory, &server, &settings);
        }
        if number.is_multiple_of(6) && started.elapsed() < DAY / 2 {
            memory.append_log(number);
            memory.append_inventory(number + 1_000_000);
        }
        number += 1;
    }
    let status = run.status.borrow().clone();
    run.stop().await;

    let stored = server.stored.lock().unwrap();
    for entry in memory.entries().iter() {
        let nature = natures
            .get(&entry.key.hash)
            .copied()
            .unwrap_or(Nature::Good);
        let expected = match nature {
            Nature::Good => State::Delivered,
            _ => State::Quarantined,
        };
        prop_assert_eq!(
            entry.state,
            expected,
            "{:?} {:?}: {}",
            nature,
            entry.key,
            entry.reason
        );
        if nature == Nature::Good {
            prop_assert!(
                stored.contains_key(&entry.key.hash),
                "acknowledged and not stored"
            );
        }
        let is_old_class = entry.reason.starts_with("beyond_retention: ");
        prop_assert_eq!(is_old_class, nature == Nature::Old, "{}", entry.reason);
    }
    prop_assert_eq!((status.set_apart, status.unproven), (0, 0));
    let requests = *server.requests.lock().unwrap();
    // Faults of minutes and lines that take eight tries are in it.
    prop_assert!(requests < 20_000, "{} requests", requests);
    Ok(())
}

/// Prints the table of `docs/performance.md`.
#[test]
fn a_refused_line_costs_a_bounded_number_of_requests_however_many_there_are() {
    const LINES: usize = 40_000;
    println!("| one refused line in | requests per refused line | lines sent per line |");
    println!("|---|---|---|");
    for every in [5000, 1000, 100, 10] {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        let (requests, sent) = runtime.block_on(async {
            let memory = Memory::default();
            let mut random = fastrand::Rng::with_seed(every);
            let mut natures = BTreeMap::new();
            for line in 0..LINES {
                let hash = memory.append_log(line as u64);
                if random.u64(..every) == 0 {
                    natures.insert(hash, Nature::Bad);
                }
            }
            let refused = natures.len() as u64;
            let server = Arc::new(Server::new(Model::default(), natures, 1));
            let run = Run::start(&memory, &server, &settings(5000, 2, Catchup::Interleave));
            run.input_ended.trigger();
            assert_eq!(run.task.await.unwrap(), Remainder::default());
            let quarantined = memory.in_state(State::Quarantined).len() as u64;
            assert_eq!(quarantined, refused);
            let requests = *server.requests.lock().unwrap();
            (
                requests as f64 / refused as f64,
                *server.lines.lock().unwrap(),
            )
        });
        println!(
            "| {every} | {requests:.1} | {:.2} |",
            sent as f64 / LINES as f64
        );
        assert!(requests < 40.0, "{requests} for one in {every}");
    }
}

#[test]
fn a_line_that_the_server_fails_at_holds_nobody_up_though_it_comes_first_and_alone() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let case = Case {
        lines: 500,
        natures: vec![(0, Nature::Deadly)],
        inventories: BTreeSet::new(),
        model: Model {
            max_bytes: Some(300),
            ..Model::default()
        },
        batch_lines: 251,
        in_flight: 1,
        catchup: Catchup::OldestFirst,
        restarts: Vec::new(),
        seed: 0,
    };
    runtime.block_on(simulate(&case)).unwrap();
}
