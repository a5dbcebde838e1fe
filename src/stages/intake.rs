//! The intake stage: runs a source into the spool, from where the spool says that it stands.
//!
//! Order of things for one record: read, put into a batch, committed together with the position behind the batch's last record. What
//! was read and not committed when the process dies is read again; what was committed twice is dropped by the spool, which knows it
//! by its key.

use spool::{Origin, Spool};

use crate::base::stop::Stop;
use crate::sources::{
    Assignment, Goal, Positions, ROOM_RETRY, Source, SourceError, WriteError, Writer,
};
use crate::store::Store;

/// Runs `source` until `goal` is reached or `stop` is triggered; blocks. After damage it goes on from where it stands then.
///
/// # Errors
/// Why the source gave up.
pub fn run(source: &dyn Source, goal: Goal, store: &Store, stop: &Stop) -> Result<(), SourceError> {
    let (id, since) = (source.id(), source.begins());
    until_done(source, goal, store, stop, move |spool| {
        Ok(Assignment {
            origin: spool.introduce(id, since)?,
            goal,
            positions: Positions::Kept,
            rewinds: spool.rewinds(),
        })
    })
}

/// Reads again what `source` has from `since` (microseconds since the Unix epoch) to its end, beside a thread that follows it: the
/// position that the spool has stays, and the spool drops what it knows. Blocks.
///
/// # Errors
/// Why the source gave up.
pub fn backfill(
    source: &dyn Source,
    since: u64,
    store: &Store,
    stop: &Stop,
) -> Result<(), SourceError> {
    until_done(source, Goal::ReachEnd, store, stop, move |spool| {
        let position = None;
        Ok(Assignment {
            origin: Origin { position, since },
            goal: Goal::ReachEnd,
            positions: Positions::Dropped,
            rewinds: spool.rewinds(),
        })
    })
}

/// Runs `source` under what `assign` gives, again after each rewind: what it had added may be among what was lost.
fn until_done(
    source: &dyn Source,
    goal: Goal,
    store: &Store,
    stop: &Stop,
    assign: impl Fn(&mut Spool) -> Result<Assignment, spool::Error> + Copy + Send + 'static,
) -> Result<(), SourceError> {
    loop {
        let assigned = store.call_blocking(assign).map_err(WriteError::from)?;
        let assignment = match assigned {
            Ok(assignment) => assignment,
            // A disk without room gets room when the forwarder has delivered something: that must not be ended by this.
            Err(error) if goal == Goal::Follow && error.trouble().is_some() => {
                tracing::warn!("the {} is not read yet: {error}", source.name());
                stop.awake();
                if stop.pause(ROOM_RETRY) {
                    return Ok(());
                }
                continue;
            }
            Err(error) => return Err(WriteError::from(error).into()),
        };
        let mut writer = Writer::new(source, &assignment, store, stop);
        // A rewind from here on wakes the source; one before is seen at once.
        if writer.check_rewinds().is_err() {
            continue;
        }
        match source.run(&assignment, &mut writer, stop) {
            Err(SourceError::Write(WriteError::Rewound)) => tracing::warn!(
                "the spool was damaged: the {} is read again from before the damage",
                source.name()
            ),
            ended => return ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use spool::{EntryKey, Options};

    use super::*;
    use crate::record::{Record, Report};

    /// Three records with the positions 1 to 3; the first run ends as if damage had taken what comes after the first of them.
    #[derive(Default)]
    struct Three {
        begun: Mutex<Vec<(Option<Vec<u8>>, u64)>>,
    }

    impl Source for Three {
        fn id(&self) -> &'static str {
            "three"
        }

        fn name(&self) -> &'static str {
            "three"
        }

        fn begins(&self) -> u64 {
            5
        }

        fn run(
            &self,
            assignment: &Assignment,
            writer: &mut Writer<'_>,
            _: &Stop,
        ) -> Result<(), SourceError> {
            let origin = &assignment.origin;
            let runs = {
                let mut begun = self.begun.lock().unwrap();
                begun.push((origin.position.clone(), origin.since));
                begun.len()
            };
            let done = origin.position.as_ref().map_or(0, |position| position[0]);
            for number in done + 1..=3 {
                let report = Report {
                    version: "1".into(),
                    numbers: Vec::new(),
                    texts: Vec::new(),
                };
                let key: EntryKey = Report::key(u64::from(number) * 1_000);
                writer.push(key, &Record::Report(report), &[])?;
                writer.flush(Some(vec![number]))?;
                if runs == 1 {
                    return Err(WriteError::Rewound.into());
                }
            }
            Ok(())
        }
    }

    fn store(dir: &tempfile::TempDir) -> Store {
        let options = Options {
            max_bytes: 1 << 30,
            ..Options::default()
        };
        Store::open(dir.path(), options).unwrap().0
    }

    fn position(store: &Store) -> Option<Vec<u8>> {
        let position = |spool: &mut Spool| spool.origin("three")?.position.clone();
        store.call_blocking(position).unwrap()
    }

    fn read(store: &Store) -> u64 {
        store.call_blocking(|spool| spool.stats().read).unwrap()
    }

    #[test]
    fn a_source_goes_on_where_it_stands_after_a_rewind_and_in_the_next_run() {
        let dir = tempfile::tempdir().unwrap();
        let (store, stop) = (store(&dir), Stop::new().unwrap());
        let source = Three::default();
        run(&source, Goal::ReachEnd, &store, &stop).unwrap();
        run(&source, Goal::ReachEnd, &store, &stop).unwrap();
        let begun = source.begun.lock().unwrap().clone();
        assert_eq!(
            begun,
            [(None, 5), (Some(vec![1]), 5), (Some(vec![3]), 5)],
            "where each run began"
        );
        assert_eq!((read(&store), position(&store)), (3, Some(vec![3])));
    }

    #[test]
    fn a_backfill_begins_where_it_is_told_to_and_leaves_the_position() {
        let dir = tempfile::tempdir().unwrap();
        let (store, stop) = (store(&dir), Stop::new().unwrap());
        let source = Three::default();
        backfill(&source, 7, &store, &stop).unwrap();
        let begun = source.begun.lock().unwrap().clone();
        assert_eq!(begun, [(None, 7), (None, 7)], "where each run began");
        assert_eq!((read(&store), position(&store)), (3, None));
    }
}
