//! What may be done to a spool.

use std::time::Duration;

use proptest::prelude::*;
use spool::{Selection, State};

use crate::expected::{SOURCES, time};

#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// Records by number; some were appended before, some twice in the batch.
    Append {
        numbers: Vec<u16>,
        source: &'static str,
        position: Option<u8>,
    },
    Introduce {
        source: &'static str,
        since: u64,
    },
    Drain {
        records: usize,
        newest: bool,
    },
    Ack {
        every: u8,
    },
    Quarantine {
        which: u8,
        every: u8,
    },
    Fail,
    Expire {
        which: u8,
    },
    ExpireSelected(Selection),
    Replay(Selection),
    Purge {
        which: u16,
    },
    Prune {
        passed: Duration,
        reboots: bool,
    },
    Reopen,
    Recover {
        generation: u8,
    },
    Lookup {
        number: u16,
    },
    List(Selection),
}

fn selection() -> impl Strategy<Value = Selection> {
    let state = prop::option::weighted(
        0.7,
        prop::sample::select(vec![
            State::Pending,
            State::Delivered,
            State::Quarantined,
            State::Expired,
        ]),
    );
    let moment = || prop::option::weighted(0.8, (0u16..400).prop_map(time));
    let marked = prop::option::weighted(0.2, any::<bool>());
    (moment(), moment(), state, marked).prop_map(|(since, until, state, marked)| Selection {
        since,
        until,
        state,
        marked,
    })
}

pub(crate) fn op() -> impl Strategy<Value = Op> {
    let source = || prop::sample::select(&SOURCES[..]);
    let position = || prop::option::of(any::<u8>());
    let passed = prop_oneof![0u64..1200, (0u64..10).prop_map(|days| days * 86_400)];
    prop_oneof![
        6 => (0u16..400, 1usize..40, source(), position()).prop_map(|(from, len, source, position)| Op::Append {
            numbers: (from..).take(len).collect(), source, position
        }),
        2 => (prop::collection::vec(0u16..400, 1..30), source(), position())
            .prop_map(|(numbers, source, position)| Op::Append { numbers, source, position }),
        1 => (source(), 0u64..1_800_000_000_000_000).prop_map(|(source, since)| Op::Introduce { source, since }),
        4 => (1usize..60, any::<bool>()).prop_map(|(records, newest)| Op::Drain { records, newest }),
        4 => (1u8..4).prop_map(|every| Op::Ack { every }),
        2 => (any::<u8>(), 1u8..60).prop_map(|(which, every)| Op::Quarantine { which, every }),
        1 => Just(Op::Fail),
        1 => any::<u8>().prop_map(|which| Op::Expire { which }),
        1 => selection().prop_map(Op::ExpireSelected),
        1 => selection().prop_map(Op::Replay),
        1 => (0u16..40).prop_map(|which| Op::Purge { which }),
        2 => (passed, prop::bool::weighted(0.2))
            .prop_map(|(seconds, reboots)| Op::Prune { passed: Duration::from_secs(seconds), reboots }),
        2 => Just(Op::Reopen),
        1 => any::<u8>().prop_map(|generation| Op::Recover { generation }),
        2 => (0u16..420).prop_map(|number| Op::Lookup { number }),
        1 => selection().prop_map(Op::List),
    ]
}
