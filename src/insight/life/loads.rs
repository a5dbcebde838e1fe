//! Loads: which start the end of one belongs to, and which of two lines about the same end counts.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use crate::record::{Decimal, Event, Fact};

/// Milliseconds since the Unix epoch by the clock of the line's own writer.
pub(super) type Millis = i64;

/// What lies between the line that starts a runner and the moment from which its load is timed: −5 to +24 ms over thirty loads.
const START_TO_CLOCK: RangeInclusive<Millis> = -20..=100;
/// Ollama 0.11.5 and later prints the end of a load twice, within 1.4 ms, with seconds of two decimals that differ by one of the last place
/// at most.
const TWIN_MS: u64 = 3;
const TWIN_HUNDREDTHS: u64 = 1;
/// What two decimals of a second leave unsaid.
const ROUNDING_MS: u64 = 10;
/// What two clocks of whole milliseconds leave unsaid.
const CLOCKS_APART_MS: u64 = 2;
/// Where more lies between the two, as on a busy host, the starts that follow from them are about the same, and the second has none of its own.
const SAME_START_MS: u64 = 100;
/// A load of which nothing was said for so long is none any more.
const LONGEST: Millis = 3_600_000;
/// Load starts remembered; a host seldom has more than one under way.
const REMEMBERED: usize = 8;

/// Loads under way, and those that ended last.
#[derive(Clone, Debug, Default)]
pub(super) struct LoadWatch {
    starts: Vec<(Millis, Vec<Fact<'static>>)>,
    /// The latest ends, of which a second line may come.
    ended: Vec<LoadEnd>,
    /// When the last one was started another one was under way: what is said later may be of either.
    overlaps: bool,
}

#[derive(Clone, Copy, Debug)]
struct LoadEnd {
    at: Millis,
    began: Millis,
    hundredths: u64,
}

impl LoadWatch {
    /// A runner starts.
    pub(super) fn start(&mut self, event: &Event<'_>, now: Millis) {
        if self.starts.len() == REMEMBERED {
            self.starts.remove(0);
        }
        self.starts
            .retain(|(start, _)| now.saturating_sub(*start) < LONGEST);
        self.overlaps = !self.starts.is_empty();
        self.starts.push((now, model_of(event)));
    }

    /// Whether what is said of a load now is of the one that was started last.
    pub(super) fn is_latest_alone(&self) -> bool {
        !self.overlaps
    }

    /// Whether this end of a load is news; the model of its start is added to it.
    pub(super) fn done(&mut self, event: &mut Event<'_>, now: Millis) -> bool {
        let Some(took) = seconds(event) else {
            return true;
        };
        let micros = took.millionths();
        let Ok(millis) = Millis::try_from(micros / 1_000) else {
            return true;
        };
        let done = LoadEnd {
            at: now,
            began: now.saturating_sub(millis),
            hundredths: micros / 10_000,
        };
        if self.ended.iter().any(|ended| ended.is_twin(done)) {
            return false;
        }
        let own = self.own_start(done.began);
        if own.is_none() && self.ended.iter().any(|ended| ended.is_same_load(done)) {
            return false;
        }
        if self.ended.len() == REMEMBERED {
            self.ended.remove(0);
        }
        self.ended.push(done);
        if let Some(place) = own {
            event.facts.extend(self.starts.remove(place).1);
        }
        true
    }

    /// The end of a load of MLX, which prints no seconds: of the start before it, whose model and distance are added.
    pub(super) fn ready(&mut self, event: &mut Event<'_>, now: Millis) {
        let Some((start, model)) = self.starts.pop() else {
            return;
        };
        let millis = now
            .checked_sub(start)
            .and_then(|millis| u64::try_from(millis).ok());
        let seconds = millis.and_then(|millis| millis.checked_mul(1_000));
        let seconds = seconds.map(Decimal::from_millionths).map(Fact::Seconds);
        event.facts.extend(seconds);
        event.facts.extend(model);
    }

    /// A load failed: its start has no end.
    pub(super) fn failed(&mut self, event: &Event<'_>) {
        let own = |model: &[Fact<'_>]| model.iter().any(|fact| event.facts.contains(fact));
        if let Some(place) = self.starts.iter().rposition(|(_, model)| own(model)) {
            self.starts.remove(place);
        }
    }

    /// Nobody waits for a load any more: of the only one that is under way, whose model is added.
    pub(super) fn aborted(&mut self, event: &mut Event<'_>) {
        if self.starts.len() == 1 {
            let model = self.starts.pop().into_iter().flat_map(|(_, model)| model);
            event.facts.extend(model);
        }
    }

    /// The start nearest to the moment that a load is timed from. Where that of another model is as near, both lose their models: which is
    /// whose cannot be known.
    fn own_start(&mut self, began: Millis) -> Option<usize> {
        let distance = |start: Millis| {
            let between = began.checked_sub(start)?;
            let is_near = START_TO_CLOCK.contains(&between);
            is_near.then_some(between.unsigned_abs())
        };
        let starts = self.starts.iter().enumerate();
        let near = starts.filter_map(|(place, (start, _))| Some((distance(*start)?, place)));
        let (nearest, own) = near.min()?;
        let model = self.starts.get(own)?.1.clone();
        let is_rival =
            |start: Millis| distance(start).is_some_and(|far| far - nearest <= ROUNDING_MS);
        let rivals = || self.starts.iter().filter(|(start, _)| is_rival(*start));
        if rivals().any(|(_, other)| *other != model) {
            let rivals = self.starts.iter_mut().filter(|(start, _)| is_rival(*start));
            rivals.for_each(|(_, model)| model.clear());
        }
        Some(own)
    }
}

impl LoadEnd {
    /// Whether `other` tells of the same load, whenever it was printed: it is timed from the same moment.
    fn is_twin(self, other: Self) -> bool {
        let is_near = self.at.abs_diff(other.at) <= TWIN_MS
            && self.hundredths.abs_diff(other.hundredths) <= TWIN_HUNDREDTHS;
        let is_late = self.at.abs_diff(other.at) <= SAME_START_MS
            && self.began.abs_diff(other.began) <= ROUNDING_MS + CLOCKS_APART_MS;
        is_near || is_late
    }

    fn is_same_load(self, other: Self) -> bool {
        self.began.abs_diff(other.began) <= SAME_START_MS
    }
}

/// How long an event says that it took.
pub(super) fn seconds(event: &Event<'_>) -> Option<Decimal> {
    event.facts.iter().find_map(|fact| match fact {
        Fact::Seconds(seconds) => Some(*seconds),
        _ => None,
    })
}

/// What an event says of its model.
pub(super) fn model_of(event: &Event<'_>) -> Vec<Fact<'static>> {
    event.facts.iter().filter_map(owned_model).collect()
}

fn owned_model(fact: &Fact<'_>) -> Option<Fact<'static>> {
    match fact {
        Fact::Model(name) => Some(Fact::Model(Cow::Owned(name.to_string()))),
        Fact::ModelSha256(digest) => Some(Fact::ModelSha256(Cow::Owned(digest.to_string()))),
        _ => None,
    }
}
