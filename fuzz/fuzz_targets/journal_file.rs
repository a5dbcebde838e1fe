//! Whatever is patched into a journal file: reading it ends without a panic, and gives no more entries than were written.
#![no_main]

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;

use journal::{Filter, Limits, Places, Positions, Reader, Step, Wanted};
use support::journal::{UNIT, every_kind, write_journal};

/// A file in a directory of its own, and what it holds.
struct Fixture {
    dir: tempfile::TempDir,
    file: File,
    content: Vec<u8>,
    entries: usize,
}

thread_local! {
    static FIXTURE: RefCell<Fixture> = RefCell::new(Fixture::new());
}

libfuzzer_sys::fuzz_target!(|patches: Vec<(u32, Vec<u8>)>| {
    FIXTURE.with_borrow_mut(|fixture| fixture.read_with(&patches));
});

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("system.journal");
        write_journal(&path, every_kind()).unwrap();
        let mut content = std::fs::read(&path).unwrap();
        let used = content.iter().rposition(|byte| *byte != 0).unwrap();
        content.truncate(used + 64);
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(content.len() as u64).unwrap();
        let entries = every_kind().len();
        Self {
            dir,
            file,
            content,
            entries,
        }
    }

    /// Patches the file, reads all of it, and makes it whole again.
    fn read_with(&mut self, patches: &[(u32, Vec<u8>)]) {
        let mut patched = Vec::new();
        for (place, bytes) in patches.iter().take(16) {
            let at = self.place(*place);
            let end = (at + bytes.len()).min(self.content.len());
            self.file
                .write_all_at(&bytes[..end - at], at as u64)
                .unwrap();
            patched.push(at..end);
        }
        let mut filter = Filter::default();
        filter.add(0, &[format!("_SYSTEMD_UNIT={UNIT}")]);
        filter.add(0, &[format!("UNIT={UNIT}"), "_PID=1".to_owned()]);
        let places = Places::directory(self.dir.path());
        let limits = Limits {
            field_bytes: 1 << 20,
            fields: 256,
        };
        let wanted = Wanted::new(&["MESSAGE", "_PID"]);
        let mut reader = Reader::new(places, filter, wanted, Positions::default(), limits);
        let mut entries = 0;
        loop {
            match reader.next().unwrap() {
                Step::Entry(_) => entries += 1,
                Step::Notice(_) => {}
                Step::End => break,
            }
        }
        // A patch may be an entry itself, of 64 bytes or more.
        let room = patched
            .iter()
            .map(|patch| patch.len() / 64 + 1)
            .sum::<usize>();
        assert!(entries <= self.entries + room, "{entries} entries");
        for patch in patched {
            self.file
                .write_all_at(&self.content[patch.clone()], patch.start as u64)
                .unwrap();
        }
    }

    /// Most places are in the header and among the objects; the hash table between them is empty.
    fn place(&self, place: u32) -> usize {
        let tail = self.content.len().saturating_sub(64 << 10);
        match place % 4 {
            0 => place as usize / 4 % 6000,
            1 => place as usize / 4 % self.content.len(),
            _ => tail + place as usize / 4 % (self.content.len() - tail),
        }
    }
}
