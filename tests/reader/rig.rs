//! A journal directory, a spool and the intake between them.

use std::path::Path;
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::common::Host;
use shipper::base::stop::Stop;
use shipper::config;
use shipper::counters::intake::IntakeStatus;
use shipper::operate::backfill::{Backfill, BackfillProgress};
use shipper::record::layout::{Layout, LogFields, MsgHashAs, adopt};
use shipper::record::{LogEntry, Record};
use shipper::sources::journal::JournalSource;
use shipper::sources::journal::readers::{self, Positions, ReadEntry, Step};
use shipper::sources::{Changes, Goal, SourceError};
use shipper::stages::intake;
use shipper::store::Store;
use spool::{EntryKey, Limits, Options, Order, SeqSet};
use support::journal::{Entry, write_journal};
use tokio::sync::watch;

pub(super) struct Rig {
    pub(super) dir: tempfile::TempDir,
    pub(super) config: config::JournalSettings,
}

impl Rig {
    pub(super) fn new(reader: config::ReaderChoice) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let journal = dir.path().join("journal");
        std::fs::create_dir(&journal).unwrap();
        let config = config::JournalSettings {
            dir: Some(journal),
            reader,
            lookback: Duration::from_secs(100 * 365 * 24 * 3600 / 2),
            ..config::Raw::default().journal().unwrap()
        };
        Self { dir, config }
    }

    pub(super) fn journal_dir(&self) -> &Path {
        self.config.dir.as_deref().unwrap()
    }

    pub(super) fn add(&self, name: &str, entries: impl IntoIterator<Item = Entry>) {
        write_journal(&self.journal_dir().join(name), entries).unwrap();
    }

    pub(super) fn options() -> Options {
        Options {
            max_bytes: 1 << 30,
            ..Options::default()
        }
    }

    pub(super) fn store(&self) -> Store {
        let (store, _, _) = Store::open(&self.dir.path().join("spool"), Self::options()).unwrap();
        store
    }

    /// A spool whose records have the layout of a configuration with this host.
    pub(super) fn configured_store(&self, host: &str) -> Store {
        let layout = Layout {
            host: host.to_owned(),
            msg_hash_as: MsgHashAs::Tag,
            log_fields: LogFields::default(),
        };
        let options = Options {
            adopt: adopt(&layout),
            ..Self::options()
        };
        Store::open(&self.dir.path().join("spool"), options)
            .unwrap()
            .0
    }

    /// A spool that a few ten thousand entries fill.
    pub(super) fn small_store(&self) -> Store {
        let options = Options {
            max_bytes: 6 << 20,
            generation_bytes: 1 << 20,
            ..Options::default()
        };
        let (store, ..) = Store::open(&self.dir.path().join("spool"), options).unwrap();
        store
    }

    /// This journal as a source.
    pub(super) fn source(&self, status: &watch::Sender<IntakeStatus>) -> JournalSource {
        JournalSource {
            changes: Changes::default(),
            config: self.config.clone(),
            open: Arc::new(readers::open),
            status: status.clone(),
            models: None,
        }
    }

    pub(super) fn backfill(&self, store: &Store, since: u64) -> BackfillProgress {
        let backfill = Backfill::since(since);
        let source = self.source(&backfill.counters());
        backfill.run(&source, store, &Stop::new().unwrap());
        backfill.progress()
    }

    pub(super) fn read(&self, store: &Store, goal: Goal) -> IntakeStatus {
        let stop = Stop::new().unwrap();
        self.read_until(store, goal, &stop).unwrap()
    }

    pub(super) fn read_until(
        &self,
        store: &Store,
        goal: Goal,
        stop: &Stop,
    ) -> Result<IntakeStatus, SourceError> {
        let (status, seen) = watch::channel(IntakeStatus::default());
        intake::run(&self.source(&status), goal, store, stop)?;
        Ok(seen.borrow().clone())
    }

    /// Everything the journal holds, as an independent pass gives it.
    pub(super) fn expected(&self) -> Vec<LogEntry> {
        let stop = Stop::new().unwrap();
        let followed = readers::followed(&self.config);
        let mut journal =
            readers::open(&self.config, &followed, Positions::default(), &stop).unwrap();
        let mut entries = Vec::new();
        let mut read = ReadEntry::default();
        loop {
            match journal.next(&mut read).unwrap() {
                Step::Entry => entries.push(read.entry.clone()),
                Step::Notice(_) => {}
                Step::End => return entries,
            }
        }
    }
}

/// Takes what is pending and acknowledges it, as the forwarder stage does: keys and messages.
pub(super) fn deliver(store: &Store) -> Vec<(EntryKey, String)> {
    let deliver = |spool: &mut spool::Spool| {
        let limits = Limits {
            records: 50_000,
            bytes: 64 << 20,
        };
        let batch = spool
            .pending(limits, Order::OldestFirst, &SeqSet::new())
            .unwrap();
        let mut done = SeqSet::new();
        batch.seqs.iter().for_each(|seq| done.insert(*seq));
        spool.ack(&done).unwrap();
        let text = |stored: spool::Record<'_>| {
            Some((
                stored.key,
                message(&Record::decode(stored.payload).unwrap())?,
            ))
        };
        batch.records.iter().filter_map(text).collect()
    };
    store.call_blocking(deliver).unwrap()
}

/// Keys and messages that the spool holds, in order of arrival.
pub(super) fn spooled(store: &Store) -> Vec<(EntryKey, String)> {
    records(store, |record| message(&record))
}

fn message(record: &Record<'_>) -> Option<String> {
    record.log().map(|log| log.message.clone().into_owned())
}

/// The JSON of the inventory snapshots that the spool holds, in order of arrival.
pub(super) fn snapshots(store: &Store) -> Vec<String> {
    let json = |record: Record<'_>| match record {
        Record::Inventory(snapshot) => Some(snapshot.models_json.into_owned()),
        _ => None,
    };
    let records = records(store, json);
    records.into_iter().map(|(_, json)| json).collect()
}

/// What `wanted` makes of the pending records.
fn records(
    store: &Store,
    wanted: impl Fn(Record<'_>) -> Option<String> + Send + 'static,
) -> Vec<(EntryKey, String)> {
    store
        .call_blocking(move |spool| {
            let mut all = Vec::new();
            let mut claimed = SeqSet::new();
            loop {
                let limits = Limits {
                    records: 10_000,
                    bytes: 64 << 20,
                };
                let batch = spool.pending(limits, Order::OldestFirst, &claimed).unwrap();
                if batch.seqs.is_empty() {
                    return all;
                }
                for seq in &batch.seqs {
                    claimed.insert(*seq);
                }
                for stored in batch.records.iter() {
                    let text = wanted(Record::decode(stored.payload).unwrap());
                    all.extend(text.map(|text| (stored.key, text)));
                }
            }
        })
        .unwrap()
}

/// Runs `work`; what this thread logs meanwhile comes with its result.
pub(super) fn logged<T>(work: impl FnOnce() -> T) -> (T, String) {
    let log = tempfile::NamedTempFile::new().unwrap();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(Mutex::new(log.reopen().unwrap()))
        .finish();
    let result = tracing::subscriber::with_default(subscriber, work);
    let said = std::fs::read_to_string(log.path()).unwrap();
    (result, said)
}

pub(super) fn as_spooled(entries: &[LogEntry]) -> Vec<(EntryKey, String)> {
    entries
        .iter()
        .map(|entry| {
            (
                entry.key(),
                String::from_utf8_lossy(&entry.message).into_owned(),
            )
        })
        .collect()
}

/// Ends the intake even when an assertion fails: the scope waits for it.
pub(super) struct StopOnDrop<'a>(pub(super) &'a Stop);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.trigger();
    }
}

/// Polls `condition` until it holds.
pub(super) fn until(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "it does not come true");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What `script` ends with in mounts of its own, which only root can have: `$1` is the host's directory, `$2` the
/// shipper, the environment the host's.
pub(super) fn in_private_mounts(host: &Host, script: &str) -> Output {
    let shipper = host.command("");
    let mut command = host.in_private_mounts(&shipper, script);
    command.output().unwrap()
}
