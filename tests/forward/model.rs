//! A backlog in memory and a model of a server, for a paused clock: everything that the forwarder stage meets, in no time.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use shipper::config::Config;
use shipper::record::{Log, Record, Snapshot};
use shipper::sinks::{
    Backlogged, BodyLine, ByMeasurement, Cause, Checked, CountError, Credentials, Encoded, Form,
    Outcome, Refusal, Sent, Sink, SpokenTo, Trouble,
};
use shipper::stages::forward::{Backlog, Counts, Fault};
use spool::{Batch, EntryKey, Limits, MsgHash, Order, Records, Seq, SeqSet, State};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

/// Bytes that a modelled line takes in a request.
const LINE_BYTES: usize = 200;

/// What a server does with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    Good,
    /// It is refused.
    Bad,
    /// The server fails at every request that it is in.
    Deadly,
    /// It is older than what the server keeps.
    Old,
}

/// How a server refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Nothing is stored, and nothing told.
    Whole,
    /// Nothing is stored, and the first line is named.
    NamesOne,
    /// The others are stored, and all refused lines are named.
    NamesAll,
    /// Nothing is stored, and a line is named that is not to blame.
    NamesWrong,
    /// The others are stored, and counted.
    Counts,
    /// The others are stored, and only some are counted.
    Miscounts,
}

/// What is wrong with the server itself for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Illness {
    Down,
    Busy,
    Stated,
    Hold,
    /// Every line is refused, as if each was to blame.
    RefusesAll,
    /// Requests fail by chance, so many of ten.
    Flaky(u32),
}

/// A server.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) manner: Manner,
    /// More lines at once take too long.
    pub(crate) slow_from: Option<usize>,
    /// More bytes at once are too many.
    pub(crate) max_bytes: Option<usize>,
    /// More lines at once are too many.
    pub(crate) max_lines: Option<usize>,
    /// How long it is down after a request that it fails at.
    pub(crate) recovery: Duration,
    /// What is wrong, and from when to when.
    pub(crate) faults: Vec<(Range<Duration>, Illness)>,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            manner: Manner::Whole,
            slow_from: None,
            max_bytes: None,
            max_lines: None,
            recovery: Duration::ZERO,
            faults: Vec::new(),
        }
    }
}

/// The server of a model at work.
pub(crate) struct Server {
    model: Model,
    started: Instant,
    random: Mutex<fastrand::Rng>,
    down_until: Mutex<Instant>,
    natures: BTreeMap<MsgHash, Nature>,
    /// How often each line was stored.
    pub(crate) stored: Mutex<BTreeMap<MsgHash, u64>>,
    pub(crate) requests: Mutex<u64>,
    pub(crate) lines: Mutex<u64>,
}

/// Lines as the server gets them.
#[derive(Debug)]
pub(crate) struct Body {
    lines: Vec<(MsgHash, u64)>,
}

impl Server {
    pub(crate) fn new(model: Model, natures: BTreeMap<MsgHash, Nature>, seed: u64) -> Self {
        Self {
            model,
            started: Instant::now(),
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            down_until: Mutex::new(Instant::now()),
            natures,
            stored: Mutex::default(),
            requests: Mutex::default(),
            lines: Mutex::default(),
        }
    }

    fn nature(&self, hash: MsgHash) -> Nature {
        self.natures.get(&hash).copied().unwrap_or(Nature::Good)
    }

    fn fault(&self) -> Option<Illness> {
        let now = self.started.elapsed();
        let mut faults = self.model.faults.iter();
        faults
            .find(|(when, _)| when.contains(&now))
            .map(|(_, fault)| *fault)
    }

    fn decide(&self, body: &Body) -> Outcome {
        let later = |trouble, reason: &str| Outcome::RetryLater {
            reason: reason.to_owned(),
            after: None,
            trouble,
        };
        if Instant::now() < *self.down_until.lock().unwrap() {
            return later(Trouble::Unexplained, "refused to connect");
        }
        let fails = |share| self.random.lock().unwrap().u32(..10) < share;
        match self.fault() {
            Some(Illness::Down) => return later(Trouble::Unexplained, "refused to connect"),
            Some(Illness::Busy) => return later(Trouble::Busy, "busy"),
            Some(Illness::Stated) => return later(Trouble::Stated, "no space left"),
            Some(Illness::Hold) => {
                return Outcome::Hold {
                    reason: "no such bucket".to_owned(),
                };
            }
            Some(Illness::RefusesAll) => return refusal("conflict", None, Vec::new()),
            Some(Illness::Flaky(share)) if fails(share) => {
                return later(Trouble::Unexplained, "reset by peer");
            }
            Some(Illness::Flaky(_)) | None => {}
        }
        let too_many = |max: Option<usize>, has: usize| max.is_some_and(|max| has > max);
        if too_many(self.model.max_bytes, body.lines.len() * LINE_BYTES)
            || too_many(self.model.max_lines, body.lines.len())
        {
            return Outcome::TooLarge {
                reason: "too large".to_owned(),
            };
        }
        if too_many(self.model.slow_from, body.lines.len()) {
            return later(Trouble::Unexplained, "no answer in time");
        }
        self.judge(body)
    }

    fn judge(&self, body: &Body) -> Outcome {
        let of = |nature| {
            let lines = body.lines.iter().map(|(hash, _)| *hash);
            let found: Vec<_> = lines.filter(|hash| self.nature(*hash) == nature).collect();
            found
        };
        if !of(Nature::Deadly).is_empty() {
            *self.down_until.lock().unwrap() = Instant::now() + self.model.recovery;
            return Outcome::RetryLater {
                reason: "the connection was closed".to_owned(),
                after: None,
                trouble: Trouble::Unexplained,
            };
        }
        let (bad, old) = (of(Nature::Bad), of(Nature::Old));
        if bad.is_empty() && old.is_empty() {
            self.store(body);
            return Outcome::Delivered;
        }
        let stores_others = matches!(
            self.model.manner,
            Manner::NamesAll | Manner::Counts | Manner::Miscounts
        );
        if stores_others || bad.is_empty() {
            self.store(body);
        }
        if bad.is_empty() {
            return Outcome::Refused(Refusal {
                reason: "beyond retention".to_owned(),
                cause: Cause::BeyondRetention { keeps: None },
                dropped: Some(old.len()),
                named: Vec::new(),
                numbered: Vec::new(),
            });
        }
        match self.model.manner {
            Manner::Whole => refusal("bad", None, Vec::new()),
            Manner::NamesOne => refusal("bad", None, vec![bad[0]]),
            Manner::NamesAll => refusal("bad", None, bad),
            Manner::NamesWrong => refusal("bad", None, vec![body.lines[0].0]),
            Manner::Counts => refusal("bad", Some(bad.len()), Vec::new()),
            Manner::Miscounts => refusal("bad", Some(bad.len().div_ceil(2)), Vec::new()),
        }
    }

    fn store(&self, body: &Body) {
        let mut stored = self.stored.lock().unwrap();
        for (hash, _) in &body.lines {
            if self.nature(*hash) == Nature::Good {
                *stored.entry(*hash).or_default() += 1;
            }
        }
    }
}

fn refusal(reason: &str, dropped: Option<usize>, named: Vec<MsgHash>) -> Outcome {
    Outcome::Refused(Refusal {
        reason: reason.to_owned(),
        cause: Cause::Content,
        dropped,
        named,
        numbered: Vec::new(),
    })
}

impl Sink for Server {
    type Body = Body;

    fn encode(
        &self,
        records: &Records,
        places: &[usize],
        _form: Form,
        limit: usize,
    ) -> Encoded<Body> {
        let taken = places.len().min((limit / LINE_BYTES).max(1));
        let line = |place: &usize| {
            let key = records.get(*place).unwrap().key;
            (key.hash, key.time)
        };
        let lines: Vec<_> = places[..taken].iter().map(line).collect();
        Encoded {
            lines: lines.len(),
            bytes: LINE_BYTES * lines.len(),
            sent_bytes: LINE_BYTES * lines.len(),
            taken,
            unreadable: Vec::new(),
            body: Body { lines },
        }
    }

    fn lines(&self, _records: &Records, places: &[usize], _form: Form) -> Vec<BodyLine> {
        let own = |place: &usize| BodyLine {
            place: *place,
            derived: None,
        };
        places.iter().map(own).collect()
    }

    async fn send(&self, body: &Body) -> Sent {
        *self.requests.lock().unwrap() += 1;
        *self.lines.lock().unwrap() += body.lines.len() as u64;
        sleep(Duration::from_millis(3)).await;
        let outcome = self.decide(body);
        if matches!(&outcome, Outcome::RetryLater { reason, .. } if reason == "no answer in time") {
            sleep(Duration::from_secs(10)).await;
        }
        Sent {
            is_answered: !matches!(outcome, Outcome::RetryLater { .. }),
            outcome,
        }
    }

    fn credentials(&self) -> Option<Credentials> {
        None
    }

    fn spoken(&self) -> Option<SpokenTo> {
        None
    }

    fn in_flight(&self) -> usize {
        2
    }

    async fn keeps(&self) -> Option<Duration> {
        Some(Duration::from_secs(7 * 86_400))
    }

    async fn count_by_hour(
        &self,
        _host: &str,
        _measurements: &BTreeSet<&'static str>,
        _range: Range<u64>,
    ) -> Result<ByMeasurement, CountError> {
        Ok(ByMeasurement::new())
    }

    async fn check(_config: &Config, _waiting: Backlogged) -> Checked {
        Checked::default()
    }
}

/// Records in memory.
#[derive(Clone, Default)]
pub(crate) struct Memory {
    entries: Arc<Mutex<Vec<Entry>>>,
    appended: Arc<Notify>,
}

#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: EntryKey,
    payload: Vec<u8>,
    pub(crate) state: State,
    pub(crate) reason: String,
}

impl Memory {
    pub(crate) fn append(&self, key: EntryKey, record: &Record<'_>) {
        let mut payload = Vec::new();
        record.encode(&mut payload).unwrap();
        self.entries().push(Entry {
            key,
            payload,
            state: State::Pending,
            reason: String::new(),
        });
        self.appended.notify_one();
    }

    pub(crate) fn append_log(&self, number: u64) -> MsgHash {
        let key = key(number);
        self.append(
            key,
            &Record::Log(Log {
                number,
                message: Cow::Borrowed("line"),
                truncated: 0,
                pid: Cow::Borrowed(""),
                priority: None,
                unit: Cow::Borrowed(""),
            }),
        );
        key.hash
    }

    pub(crate) fn append_inventory(&self, number: u64) -> MsgHash {
        let key = key(number);
        self.append(
            key,
            &Record::Inventory(Snapshot {
                models_json: Cow::Borrowed("[]"),
                part: None,
            }),
        );
        key.hash
    }

    pub(crate) fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap()
    }

    pub(crate) fn in_state(&self, state: State) -> BTreeSet<MsgHash> {
        let entries = self.entries();
        let found = entries.iter().filter(|entry| entry.state == state);
        found.map(|entry| entry.key.hash).collect()
    }

    fn batch(&self, limits: Limits, wanted: impl Fn(Seq, &Entry) -> bool, newest: bool) -> Batch {
        let entries = self.entries();
        let found = (0..entries.len()).filter(|place| wanted(Seq(*place as u64), &entries[*place]));
        let mut found: Vec<_> = match newest {
            true => found.rev().take(limits.records).collect(),
            false => found.take(limits.records).collect(),
        };
        found.sort_unstable();
        let mut batch = Batch::default();
        for place in found {
            batch.seqs.push(Seq(place as u64));
            let Entry { key, payload, .. } = &entries[place];
            batch.records.push(*key, payload);
        }
        batch
    }

    fn change(&self, seqs: &SeqSet, change: impl Fn(&mut Entry)) {
        let mut entries = self.entries();
        for seq in seqs.iter() {
            let entry = &mut entries[usize::try_from(seq.0).unwrap()];
            if entry.state == State::Pending {
                change(entry);
            }
        }
    }
}

/// The identity of record `number`; they are in the order of their times.
pub(crate) fn key(number: u64) -> EntryKey {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&number.to_be_bytes());
    EntryKey {
        time: number,
        hash: MsgHash(hash),
    }
}

impl Backlog for Memory {
    async fn appended(&self) {
        self.appended.notified().await;
    }

    async fn counts(&self) -> Result<Counts, Fault> {
        let entries = self.entries();
        let pending = entries.iter().filter(|entry| entry.state == State::Pending);
        Ok(Counts {
            pending: pending.count() as u64,
            arrived: entries.len() as u64,
        })
    }

    async fn pending(&self, limits: Limits, order: Order, claimed: SeqSet) -> Result<Batch, Fault> {
        let wanted = |seq, entry: &Entry| entry.state == State::Pending && !claimed.contains(seq);
        Ok(self.batch(limits, wanted, order == Order::NewestFirst))
    }

    async fn read(&self, limits: Limits, state: State, seqs: SeqSet) -> Result<Batch, Fault> {
        let wanted = |seq, entry: &Entry| entry.state == state && seqs.contains(seq);
        Ok(self.batch(limits, wanted, false))
    }

    async fn latest(&self, limits: Limits, state: State) -> Result<Batch, Fault> {
        Ok(self.batch(limits, |_, entry| entry.state == state, true))
    }

    async fn ack(&self, delivered: SeqSet) -> Result<(), Fault> {
        self.change(&delivered, |entry| entry.state = State::Delivered);
        Ok(())
    }

    async fn record_failure(&self, _tried: SeqSet) -> Result<(), Fault> {
        Ok(())
    }

    async fn quarantine(&self, refused: Arc<[(Seq, String)]>) -> Result<(), Fault> {
        for (seq, reason) in refused.iter() {
            self.change(&SeqSet::of(*seq), |entry| {
                entry.state = State::Quarantined;
                entry.reason.clone_from(reason);
            });
        }
        Ok(())
    }
}
