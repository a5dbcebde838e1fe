//! What is set apart, and what to try of it next: pure.
//!
//! Lines of a request that was refused, or at which the server failed, are set apart in *parts*, and searched. A line that was
//! refused alone, or at which alone the server fails, is a *suspect*, which is tried again until it is judged.
//!
//! While a measurement is in doubt, its lines wait unsent, and one of them is tried now and then.

use std::collections::BTreeMap;
use std::time::Duration;

use spool::{Seq, SeqSet};
use tokio::time::Instant;

use super::evidence::Evidence;
use super::suspect::{Charge, PATIENCE, Suspect};
use crate::base::retry::Growing;
use crate::record::DerivedSet;
use crate::sinks::Trouble;

/// Suspects that are tried in one task at most, and parts that are searched in one: what came of all of them becomes durable at once.
const AT_ONCE: usize = 64;

/// Failed tries for a proof after which nothing more is to be expected while no lines arrive.
const FAILED_PROOFS: u32 = 3;

/// All that is set apart, but for what is being tried.
#[derive(Debug)]
pub(super) struct Apart {
    /// Each with the time before which it is not tried.
    parts: Vec<(Instant, SuspectPart)>,
    /// The part at which the server failed that is being searched.
    failed_at_work: SeqSet,
    suspects: BTreeMap<Seq, Suspect>,
    /// When suspects are tried that are not proven.
    tries: BTreeMap<Seq, Attempts>,
    /// Lines of measurements in doubt.
    unsent: BTreeMap<&'static str, SeqSet>,
    /// When a proof is looked for.
    proofs: BTreeMap<&'static str, Attempts>,
    /// The first and the longest delay between tries.
    delays: (Duration, Duration),
}

/// Lines that were in one request.
#[derive(Debug, Default)]
pub(super) struct SuspectPart {
    pub seqs: SeqSet,
    pub why: Why,
    /// What the server said.
    pub reason: String,
    /// The derived measurements that it named.
    pub measurements: DerivedSet,
    /// The points that it named, each with the measurement of a derived one.
    pub named: Vec<(Seq, Option<&'static str>)>,
}

/// Why lines are set apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Why {
    /// The server refused the request.
    #[default]
    Refused,
    /// It failed at the request, which had so many bytes, and took others.
    Failed { bytes: usize, trouble: Trouble },
}

/// When something is tried next.
#[derive(Debug)]
struct Attempts {
    due: Instant,
    failures: u32,
    delays: Growing,
}

/// What to try next.
#[derive(Debug)]
pub(super) enum Task {
    /// Find the lines of these parts that are to blame.
    Search(Vec<SuspectPart>),
    /// Send each of these suspects alone, once more.
    Try(Vec<(Seq, Suspect)>),
    /// Have a line of this measurement stored: a delivered one, or this one.
    Prove(&'static str, Option<Seq>),
}

impl Task {
    /// The lines that it is about.
    pub(super) fn seqs(&self) -> SeqSet {
        match self {
            Self::Search(parts) => {
                let mut seqs = SeqSet::new();
                parts.iter().for_each(|part| seqs.extend_from(&part.seqs));
                seqs
            }
            Self::Try(suspects) => suspects.iter().map(|(seq, _)| *seq).collect(),
            Self::Prove(_, scout) => scout.iter().copied().collect(),
        }
    }
}

impl Attempts {
    fn new((first, last): (Duration, Duration)) -> Self {
        Self {
            due: Instant::now(),
            failures: 0,
            delays: Growing::new(first, last),
        }
    }

    fn failed(&mut self) {
        self.failures += 1;
        self.due = Instant::now() + self.delays.after_failure();
    }
}

impl Apart {
    /// Nothing; what fails is tried again after delays between these two.
    pub(super) fn new(first: Duration, last: Duration) -> Self {
        Self {
            parts: Vec::new(),
            failed_at_work: SeqSet::new(),
            suspects: BTreeMap::new(),
            tries: BTreeMap::new(),
            unsent: BTreeMap::new(),
            proofs: BTreeMap::new(),
            delays: (first, last),
        }
    }

    pub(super) fn add(&mut self, part: SuspectPart) {
        let due = match part.why {
            Why::Refused => Instant::now(),
            Why::Failed { .. } => Instant::now() + self.delays.0,
        };
        self.parts.push((due, part));
    }

    /// A task on `tried` has ended.
    pub(super) fn ended(&mut self, tried: &SeqSet) {
        self.failed_at_work.subtract(tried);
    }

    /// After a task on `tried`: these are the suspects that there are among them now.
    pub(super) fn replace(&mut self, tried: &SeqSet, suspects: Vec<(Seq, Suspect)>) {
        for (seq, suspect) in suspects {
            let attempts = self.tries.entry(seq);
            attempts
                .or_insert_with(|| Attempts::new(self.delays))
                .failed();
            self.suspects.insert(seq, suspect);
        }
        let suspects = &self.suspects;
        self.tries
            .retain(|seq, _| !tried.contains(*seq) || suspects.contains_key(seq));
    }

    /// Lines of a measurement in doubt, which were not sent.
    pub(super) fn keep_unsent(&mut self, measurement: &'static str, seqs: &SeqSet) {
        let unsent = self.unsent.entry(measurement).or_default();
        unsent.extend_from(seqs);
    }

    /// A line of `measurement` was to be stored as a proof, and was not. How long until the next try.
    pub(super) fn no_proof(&mut self, measurement: &'static str) -> Duration {
        let proofs = self.proofs.entry(measurement);
        let attempts = proofs.or_insert_with(|| Attempts::new(self.delays));
        attempts.failed();
        attempts.due.saturating_duration_since(Instant::now())
    }

    /// No more lines are to be expected: what was tried without success is tried again before that counts.
    pub(super) fn input_ended(&mut self) {
        for attempts in self.proofs.values_mut() {
            *attempts = Attempts::new(self.delays);
        }
    }

    /// Lines that are no longer to be kept back, since their measurement is not in doubt any more.
    pub(super) fn release(&mut self, evidence: &Evidence) -> SeqSet {
        let mut released = SeqSet::new();
        self.unsent.retain(|measurement, seqs| {
            let is_kept = evidence.is_in_doubt(measurement);
            if !is_kept {
                released.extend_from(seqs);
            }
            is_kept
        });
        let needed = self.unproven_measurements(evidence);
        self.proofs.retain(|known, _| needed.contains_key(known));
        released
    }

    /// What to try now, if anything, of at most so many lines if it is a search.
    pub(super) fn next(&mut self, evidence: &Evidence, lines: usize) -> Option<Task> {
        let now = Instant::now();
        let ready = self.ready_suspects(evidence, now);
        // What is stored in a search is a proof for suspects: few of them wait for that.
        if ready.len() < AT_ONCE
            && let Some(search) = self.next_parts(now, lines)
        {
            return Some(search);
        }
        self.next_suspects(ready)
            .or_else(|| self.next_proof(evidence, now))
    }

    fn ready_suspects(&self, evidence: &Evidence, now: Instant) -> Vec<Seq> {
        let is_ready = |(seq, suspect): &(&Seq, &Suspect)| {
            let is_due = || self.tries.get(seq).is_none_or(|tries| tries.due <= now);
            suspect.is_proven(evidence) || suspect.waits_for_time(evidence) && is_due()
        };
        let ready = self.suspects.iter().filter(is_ready);
        ready.map(|(seq, _)| *seq).take(AT_ONCE).collect()
    }

    fn next_suspects(&mut self, ready: Vec<Seq>) -> Option<Task> {
        let taken = |seq: Seq| Some((seq, self.suspects.remove(&seq)?));
        let ready: Vec<_> = ready.into_iter().filter_map(taken).collect();
        (!ready.is_empty()).then_some(Task::Try(ready))
    }

    fn next_parts(&mut self, now: Instant, lines: usize) -> Option<Task> {
        let (mut parts, mut taken) = (Vec::new(), 0);
        // The smallest first: what passes of it tells how large the others may be.
        self.parts.sort_by_key(|(_, part)| part.seqs.len());
        self.parts.retain_mut(|(due, part)| {
            let more = taken + part.seqs.len();
            let has_room = more <= lines as u64 && parts.len() < AT_ONCE;
            let fits = match part.why {
                Why::Refused => parts.is_empty() || has_room && self.failed_at_work.is_empty(),
                // One that failed goes alone: what passes of it tells what to do with the next.
                Why::Failed { .. } => parts.is_empty() && self.failed_at_work.is_empty(),
            };
            if *due > now || !fits {
                return true;
            }
            if part.why != Why::Refused {
                self.failed_at_work = part.seqs.clone();
            }
            taken = more;
            parts.push(std::mem::take(part));
            false
        });
        (!parts.is_empty()).then_some(Task::Search(parts))
    }

    fn next_proof(&mut self, evidence: &Evidence, now: Instant) -> Option<Task> {
        let mut needed = self.unproven_measurements(evidence).into_keys();
        let measurement = needed.find(|measurement| {
            let attempts = self.proofs.get(measurement);
            attempts.is_none_or(|attempts| attempts.due <= now)
        })?;
        let unsent = self.unsent.get_mut(measurement);
        let scout = unsent.and_then(|unsent| {
            let last = unsent.last()?;
            unsent.remove(last);
            Some(last)
        });
        Some(Task::Prove(measurement, scout))
    }

    /// Measurements of which a stored line is wanted, with the number of suspects that wait for one.
    fn unproven_measurements(&self, evidence: &Evidence) -> BTreeMap<&'static str, u64> {
        let mut needed: BTreeMap<_, _> = self.unsent.keys().map(|known| (*known, 0)).collect();
        for suspect in self.suspects.values() {
            let is_refused = matches!(suspect.charge, Charge::Refused(_));
            if is_refused && !suspect.is_proven(evidence) && !suspect.waits_for_time(evidence) {
                *needed.entry(suspect.measurement).or_default() += 1;
            }
        }
        needed
    }

    /// When there may be something to try that there is not now.
    pub(super) fn due(&self, evidence: &Evidence) -> Option<Instant> {
        let now = Instant::now();
        let parts = self.parts.iter().map(|(due, _)| *due);
        let waiting = self.suspects.iter();
        let suspects = waiting.filter_map(|(seq, suspect)| match suspect.charge {
            _ if suspect.waits_for_time(evidence) => self.tries.get(seq).map(|tries| tries.due),
            _ => Some(suspect.since + PATIENCE),
        });
        let proofs = self.proofs.values().map(|attempts| attempts.due);
        let all = parts.chain(suspects).chain(proofs);
        all.filter(|due| *due > now).min()
    }

    /// The lines that are set apart.
    pub(super) fn seqs(&self) -> SeqSet {
        let mut seqs: SeqSet = self.suspects.keys().copied().collect();
        let parts = self.parts.iter().map(|(_, part)| &part.seqs);
        parts
            .chain(self.unsent.values())
            .for_each(|part| seqs.extend_from(part));
        seqs
    }

    /// How many lines are set apart.
    pub(super) fn lines(&self) -> u64 {
        let parts = self.parts.iter().map(|(_, part)| part.seqs.len());
        let unsent = self.unsent.values().map(SeqSet::len);
        self.suspects.len() as u64 + parts.chain(unsent).sum::<u64>()
    }

    /// How many suspects wait for a stored line of their measurement.
    pub(super) fn unproven(&self, evidence: &Evidence) -> u64 {
        self.unproven_measurements(evidence).values().sum()
    }

    /// The reason to show: that of the suspect of longest standing, or of the first part.
    pub(super) fn reason(&self) -> Option<&str> {
        let suspect = self.suspects.values().min_by_key(|suspect| suspect.since);
        let part = self.parts.first().map(|(_, part)| part.reason.as_str());
        suspect.map(|suspect| suspect.reason.as_str()).or(part)
    }

    /// Whether nothing that is set apart can pass or be judged before other lines arrive.
    pub(super) fn is_stuck(&self, evidence: &Evidence) -> bool {
        let needed = self.unproven_measurements(evidence);
        let is_hopeless = |measurement: &&str| {
            let attempts = self.proofs.get(*measurement);
            attempts.is_some_and(|attempts| attempts.failures >= FAILED_PROOFS)
        };
        let waiting: u64 = needed.values().sum();
        self.parts.is_empty()
            && waiting == self.suspects.len() as u64
            && needed.keys().all(is_hopeless)
    }
}

#[cfg(test)]
mod tests;
