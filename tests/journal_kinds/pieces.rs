//! Lines that journald has cut, and what happens between their pieces.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use shipper::base::stop::Stop;
use shipper::base::when::When;
use shipper::config::{ReaderChoice, Units};
use shipper::counters::intake::IntakeStatus;
use shipper::sources::Goal;
use shipper::sources::journal::JournalSource;
use shipper::sources::journal::readers::{
    self, Absence, Journal, Positions, ReadEntry, Remarks, Step,
};
use shipper::stages::intake;
use shipper::store::Store;
use support::journal::{Entry, UNIT};
use tokio::sync::watch;

use super::files::{Put as _, active, image, run};
use super::rig::{Rig, StopOnDrop, spooled, until};

const OTHER: &str = "ollama-2.service";

fn piece(time: u64, text: &str, is_cut: bool) -> Entry {
    let entry = Entry::line(time, text);
    match is_cut {
        true => entry.with("_LINE_BREAK", "line-max"),
        false => entry,
    }
}

fn of_another_stream(time: u64, text: &str) -> Entry {
    Entry::line(time, text)
        .without("_STREAM_ID")
        .with("_STREAM_ID", "e0000000000000000000000000000001")
}

/// The file that is written to has these entries by now.
fn write(rig: &Rig, entries: &[Entry]) {
    let file = image(entries.to_vec()).numbered(1, 1).identified(1);
    file.put(&active(rig.journal_dir()));
}

fn messages(store: &Store) -> Vec<String> {
    spooled(store).into_iter().map(|(_, text)| text).collect()
}

/// Follows until `reached` holds, then ends as a service does.
fn follow(rig: &Rig, store: &Store, reached: impl Fn() -> bool) -> IntakeStatus {
    let stop = Stop::new().unwrap();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| rig.read_until(store, Goal::Follow, &stop).unwrap());
        let _ends = StopOnDrop(&stop);
        until(reached);
        stop.trigger();
        running.join().unwrap()
    })
}

fn story() -> Vec<Entry> {
    let now = When::now().0;
    vec![
        piece(now, "one ", true),
        of_another_stream(now + 1, "beside"),
        piece(now + 2, "line ", true),
        of_another_stream(now + 3, "beside it"),
        piece(now + 4, "whole", false),
        piece(now + 5, "next", false),
    ]
}

#[test]
fn a_restart_between_the_pieces_of_a_line_neither_loses_nor_doubles() {
    let rig = Rig::new(ReaderChoice::Files);
    let story = story();
    let store = rig.store();
    // How many entries are there at each restart, and lines by then.
    for (entries, lines) in [(2, 1), (2, 1), (4, 2), (4, 2), (5, 3), (6, 4)] {
        write(&rig, &story[..entries]);
        follow(&rig, &store, || messages(&store).len() >= lines);
        assert_eq!(messages(&store).len(), lines);
    }
    assert_eq!(
        messages(&store),
        ["beside", "beside it", "one line whole", "next"]
    );
    assert_eq!(rig.backfill(&store, 0).new, 0);
    assert_eq!(run(&rig, &store).entries, 0);
}

#[test]
fn a_run_that_ends_between_the_pieces_of_a_line_loses_and_doubles_no_text() {
    let rig = Rig::new(ReaderChoice::Files);
    let story = story();
    let store = rig.store();
    for entries in [1, 2, 3, 4, 6] {
        write(&rig, &story[..entries]);
        run(&rig, &store);
    }
    let all: String = messages(&store).concat();
    for text in ["one ", "line ", "whole", "next", "beside it"] {
        assert_eq!(all.matches(text).count(), 1, "{text}: {all}");
    }
    assert_eq!(rig.backfill(&store, 0).new, 0);
}

#[test]
fn a_backfill_between_the_pieces_of_a_line_takes_none_of_it_away() {
    let rig = Rig::new(ReaderChoice::Files);
    let story = story();
    let store = rig.store();
    write(&rig, &story[..2]);
    let stop = Stop::new().unwrap();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| rig.read_until(&store, Goal::Follow, &stop).unwrap());
        let _ends = StopOnDrop(&stop);
        until(|| messages(&store).len() == 1);
        assert_eq!(rig.backfill(&store, 0).new, 0);
        write(&rig, &story);
        until(|| messages(&store).iter().any(|text| text == "next"));
        stop.trigger();
        running.join().unwrap();
    });
    assert_eq!(
        messages(&store),
        ["beside", "beside it", "one line whole", "next"]
    );
    assert_eq!(rig.backfill(&store, 0).new, 0);
}

#[test]
fn a_unit_that_is_added_between_the_pieces_of_a_line_takes_none_of_it_away() {
    let mut rig = Rig::new(ReaderChoice::Files);
    let mut story = story();
    let store = rig.store();
    let others =
        (0..20).map(|n| Entry::of_unit(story[0].realtime - 20 + n, OTHER, format!("other {n}")));
    story.splice(0..0, others.collect::<Vec<_>>());
    write(&rig, &story[..22]);
    follow(&rig, &store, || messages(&store).len() == 1);
    rig.config.units = Units::new(&[UNIT, OTHER]).unwrap();
    let stop = Stop::new().unwrap();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| rig.read_until(&store, Goal::Follow, &stop).unwrap());
        let _ends = StopOnDrop(&stop);
        until(|| messages(&store).len() == 21);
        std::thread::sleep(Duration::from_millis(300));
        write(&rig, &story);
        until(|| messages(&store).iter().any(|text| text == "next"));
        stop.trigger();
        running.join().unwrap();
    });
    assert_eq!(messages(&store).len(), 24);
    assert_eq!(
        messages(&store)
            .iter()
            .filter(|text| *text == "one line whole")
            .count(),
        1
    );
    assert_eq!(rig.backfill(&store, 0).new, 0);
}

/// A journal read by a child: it says where it stands only at times, and dies once.
struct Dying {
    inner: Box<dyn Journal>,
    said: Positions,
    /// Entries until it dies.
    left: Arc<AtomicUsize>,
}

impl Journal for Dying {
    fn name(&self) -> &'static str {
        "dying"
    }

    fn next(&mut self, read: &mut ReadEntry) -> Result<Step, readers::Error> {
        let step = self.inner.next(read)?;
        if step == Step::End {
            self.said = self.inner.positions();
        }
        if step == Step::Entry && self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            return Err(std::io::Error::other("the child is gone").into());
        }
        Ok(step)
    }

    fn positions(&self) -> Positions {
        self.said.clone()
    }

    fn wait(&mut self, timeout: Duration) -> Result<(), readers::Error> {
        self.inner.wait(timeout)
    }

    fn remarks(&self) -> Remarks {
        self.inner.remarks()
    }

    fn absence(&self, dir: Option<&std::path::Path>) -> Option<Absence> {
        self.inner.absence(dir)
    }
}

#[test]
fn a_reader_that_dies_between_the_pieces_of_a_line_neither_loses_nor_doubles() {
    // Each waits a second before it opens the journal again.
    std::thread::scope(|scope| {
        for dies_after in 1..=6 {
            for first in [1, 2, 3, 4, 6] {
                scope.spawn(move || read_and_die(first, dies_after));
            }
        }
    });
}

/// Reads when so many entries are there at first, and dies at one of them.
fn read_and_die(first: usize, dies_after: usize) {
    let rig = Rig::new(ReaderChoice::Files);
    let story = story();
    let store = rig.store();
    let left = Arc::new(AtomicUsize::new(dies_after));
    let (status, _seen) = watch::channel(IntakeStatus::default());
    let open = move |config: &shipper::config::JournalSettings,
                     followed: &[readers::Followed],
                     positions: Positions,
                     stop: &Stop| {
        let said = positions.clone();
        let inner = readers::open(config, followed, positions, stop)?;
        let left = Arc::clone(&left);
        Ok(Box::new(Dying { inner, said, left }) as Box<dyn Journal>)
    };
    let source = JournalSource {
        changes: shipper::sources::Changes::default(),
        open: Arc::new(open),
        ..rig.source(&status)
    };
    write(&rig, &story[..first]);
    let stop = Stop::new().unwrap();
    let (source, stop, store) = (&source, &stop, &store);
    std::thread::scope(|scope| {
        let running = scope.spawn(|| intake::run(source, Goal::Follow, store, stop));
        let _ends = StopOnDrop(stop);
        let lines = if first > 3 { 2 } else { usize::from(first > 1) };
        until(|| messages(store).len() >= lines);
        write(&rig, &story);
        until(|| messages(store).iter().any(|text| text == "next"));
        stop.trigger();
        running.join().unwrap().unwrap();
    });
    let mut all = messages(store);
    all.sort();
    assert_eq!(
        all,
        ["beside", "beside it", "next", "one line whole"],
        "{first} {dies_after}"
    );
}
