//! A journal directory, a spool and the reader stage between them.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::path::Path;
use std::time::{Duration, Instant};

use shipper::config;
use shipper::entry::{LogEntry, Record};
use shipper::intake::{Error, Goal, Intake, IntakeStatus};
use shipper::journal::{self, Start, Step};
use shipper::stop::Stop;
use shipper::store::Store;
use spool::{EntryKey, Limits, Options, Order, SeqSet};
use support::journal::{Entry, write_journal};
use tokio::sync::watch;

pub struct Host {
    pub dir: tempfile::TempDir,
    pub config: config::Journal,
}

impl Host {
    pub fn new(reader: config::Reader) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let journal = dir.path().join("journal");
        std::fs::create_dir(&journal).unwrap();
        let config = config::Journal {
            units: vec!["ollama.service".to_owned()],
            dir: Some(journal),
            reader,
            poll_interval: Duration::from_secs(10),
            lookback: Duration::from_secs(100 * 365 * 24 * 3600 / 2),
            max_message_bytes: 1_000_000,
        };
        Self { dir, config }
    }

    pub fn journal_dir(&self) -> &Path {
        self.config.dir.as_deref().unwrap()
    }

    pub fn add(&self, name: &str, entries: impl IntoIterator<Item = Entry>) {
        write_journal(&self.journal_dir().join(name), entries).unwrap();
    }

    pub fn options() -> Options {
        Options {
            max_bytes: 1 << 30,
            ..Options::default()
        }
    }

    pub fn store(&self) -> Store {
        let (store, _, _) = Store::open(&self.dir.path().join("spool"), Self::options()).unwrap();
        store
    }

    pub fn read(&self, store: &Store, goal: Goal) -> IntakeStatus {
        let stop = Stop::new().unwrap();
        self.read_until(store, goal, &stop).unwrap()
    }

    pub fn read_until(
        &self,
        store: &Store,
        goal: Goal,
        stop: &Stop,
    ) -> Result<IntakeStatus, Error> {
        let (status, seen) = watch::channel(IntakeStatus::default());
        let intake = Intake {
            config: &self.config,
            goal,
            store,
            status: &status,
            models: None,
            stop,
        };
        intake.run(&|| journal::open(&self.config, stop))?;
        Ok(seen.borrow().clone())
    }

    /// Everything the journal holds, as an independent pass gives it.
    pub fn expected(&self) -> Vec<LogEntry> {
        let stop = Stop::new().unwrap();
        let mut journal = journal::open(&self.config, &stop).unwrap();
        journal.seek(&Start::Since(0)).unwrap();
        let mut entries = Vec::new();
        let mut entry = LogEntry::default();
        while journal.next(&mut entry).unwrap() == Step::Entry {
            entries.push(entry.clone());
        }
        entries
    }
}

/// Keys and messages that the spool holds, in order of arrival.
pub fn spooled(store: &Store) -> Vec<(EntryKey, String)> {
    store
        .call_blocking(|spool| {
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
                for (key, payload) in batch.records.iter() {
                    let Record::Log(log) = Record::decode(payload).unwrap() else {
                        continue;
                    };
                    all.push((key, log.message.into_owned()));
                }
            }
        })
        .unwrap()
}

pub fn as_spooled(entries: &[LogEntry]) -> Vec<(EntryKey, String)> {
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

/// Polls `condition` until it holds.
pub fn until(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "it does not come true");
        std::thread::sleep(Duration::from_millis(20));
    }
}
