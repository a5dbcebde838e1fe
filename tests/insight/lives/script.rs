//! What happens in a life: drawn by proptest, so that a life that shows a fault becomes as short as it can.

use proptest::prelude::*;

/// A deed, some microseconds after the one before.
#[derive(Clone, Debug)]
pub(crate) struct Act {
    pub(crate) pause: u64,
    pub(crate) deed: Deed,
}

#[derive(Clone, Debug)]
pub(crate) enum Deed {
    /// A request that takes no model.
    Aside { route: usize, micros: u64 },
    /// A request for an answer, or for embeddings where the model is for these. It loads the model if that is not loaded.
    Ask {
        model: usize,
        load: Load,
        task: Task,
    },
    /// A client that waits for a slot leaves.
    GiveUp { runner_tells: bool },
    /// A prompt is cut.
    Truncate,
    /// A file that is no model.
    BadFile { model: usize },
    /// Keep-alive has passed. The server may remember an error of the runner, and then prints its end as one.
    Unload { model: usize, remembers_error: bool },
    /// A model makes room.
    Evict { model: usize },
    /// `kill -9` of a runner, in the middle of an answer or not; it is found gone so many times.
    Kill {
        model: usize,
        midway: bool,
        looks: u64,
    },
    /// A runner ends by itself.
    Crash {
        model: usize,
        why: usize,
        is_looked_at: bool,
    },
    /// The server ends and starts again, killed or not.
    Restart { killed: bool },
}

/// How a load goes, if one is needed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) millis: u64,
    /// From the start's line to the moment that the load is timed from.
    pub(crate) clock: u64,
    /// Microseconds between the two lines of its end.
    pub(crate) twin: u64,
    pub(crate) fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Done,
    /// It is larger than the host.
    TooLarge,
    /// Memory cannot be had.
    NoMemory,
    /// Memory cannot be had, all others make room, and it is tried again.
    SecondTry,
    /// The client leaves.
    Aborted,
}

/// A task of llama-server, and its like before there was one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    pub(crate) prompt: u64,
    /// Percent of the prompt.
    pub(crate) cached: u64,
    pub(crate) generated: u64,
    /// Context shifts in the answer.
    pub(crate) shifts: u64,
    /// Tokens guessed and, of these, accepted.
    pub(crate) draft: Option<(u64, u64)>,
    pub(crate) end: TaskEnd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TaskEnd {
    Complete,
    /// The client leaves in the prompt, so much percent of which was read.
    CutInPrompt(u64),
    CutInAnswer,
    /// The client leaves when the slot is chosen, and nothing ran.
    CutBefore,
    /// The client leaves before there was a slot for it.
    CutInQueue,
    BeyondContext,
    Fails,
}

fn load() -> impl Strategy<Value = Load> {
    let fate = prop_oneof![
        8 => Just(Fate::Done),
        1 => Just(Fate::TooLarge),
        1 => Just(Fate::NoMemory),
        1 => Just(Fate::SecondTry),
        1 => Just(Fate::Aborted),
    ];
    // As on a real server, and on one that is busy.
    let twin = prop_oneof![9 => 0_u64..1_400, 1 => 20_000_u64..80_000];
    (60_u64..30_000, 0_u64..20, twin, fate).prop_map(|(millis, clock, twin, fate)| Load {
        millis,
        clock,
        twin,
        fate,
    })
}

fn task() -> impl Strategy<Value = Task> {
    let end = prop_oneof![
        8 => Just(TaskEnd::Complete),
        1 => (0_u64..100).prop_map(TaskEnd::CutInPrompt),
        2 => Just(TaskEnd::CutInAnswer),
        1 => Just(TaskEnd::CutBefore),
        1 => Just(TaskEnd::CutInQueue),
        1 => Just(TaskEnd::BeyondContext),
        1 => Just(TaskEnd::Fails),
    ];
    let draft = prop::option::weighted(0.2, (1_u64..200, 0_u64..=100));
    let numbers = (1_u64..2_000, 0_u64..100, 1_u64..900, 0_u64..3);
    (numbers, draft, end).prop_map(|((prompt, cached, generated, shifts), draft, end)| Task {
        prompt,
        cached,
        generated,
        shifts,
        draft: draft.map(|(guessed, percent)| (guessed, guessed * percent / 100)),
        end,
    })
}

fn deed() -> impl Strategy<Value = Deed> {
    let model = 0..super::life::MODELS;
    prop_oneof![
        4 => (0_usize..40, 1_u64..200_000_000).prop_map(|(route, micros)| Deed::Aside { route, micros }),
        16 => (model.clone(), load(), task()).prop_map(|(model, load, task)| Deed::Ask { model, load, task }),
        1 => any::<bool>().prop_map(|runner_tells| Deed::GiveUp { runner_tells }),
        1 => Just(Deed::Truncate),
        1 => model.clone().prop_map(|model| Deed::BadFile { model }),
        2 => (model.clone(), any::<bool>()).prop_map(|(model, remembers_error)| Deed::Unload { model, remembers_error }),
        1 => model.clone().prop_map(|model| Deed::Evict { model }),
        1 => (model.clone(), any::<bool>(), 1_u64..4).prop_map(|(model, midway, looks)| Deed::Kill { model, midway, looks }),
        3 => (model, 0_usize..3, any::<bool>()).prop_map(|(model, why, is_looked_at)| Deed::Crash { model, why, is_looked_at }),
        1 => any::<bool>().prop_map(|killed| Deed::Restart { killed }),
    ]
}

/// Up to so many deeds, of which many are under way at once.
pub(crate) fn script(longest: usize) -> impl Strategy<Value = Vec<Act>> {
    let pause = prop_oneof![0_u64..2_000, 0_u64..100_000, 0_u64..5_000_000];
    let act = (pause, deed()).prop_map(|(pause, deed)| Act { pause, deed });
    prop::collection::vec(act, 0..longest)
}
