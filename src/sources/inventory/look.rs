//! A look into the models directory, on a thread of its own that nobody has to wait for.
//!
//! A file system may not answer at all: a network mount whose server is gone. Nothing frees a thread that asked it; so there is
//! one such thread at most for each directory, in the whole process, however often it is looked for: [`Claim`].

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::claim::{self, Claim};
use super::locate::ModelsPlace;
use super::scan::Scan;
use super::walk::scan_place;
use crate::base::stop::Stop;

/// How long a directory may take for one step, such as opening a file, until it counts as one that does not answer. A disk that was asleep
/// answers within this.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was seen, and where.
#[derive(Debug)]
pub struct ModelsSeen {
    pub place: ModelsPlace,
    pub scan: Scan,
    /// The directory that the log names, when it is not fit to be looked into.
    passed_over: Option<PathBuf>,
}

impl ModelsSeen {
    /// What is to be said of where it was seen.
    #[must_use]
    pub fn caveat(&self) -> Option<String> {
        let passed_over = self.passed_over.as_ref()?.display();
        let dir = self.place.dir().display();
        Some(format!(
            "Ollama's log names {passed_over}, which is a link or has no directory manifests: {dir} is read instead; set OLLAMA_MODELS"
        ))
    }
}

/// Why nothing was seen.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// No directory was found in any place.
    #[error("no models directory was found: set OLLAMA_MODELS")]
    NotFound,
    /// Nor where the log says.
    #[error(
        "no models directory was found: {} is named by Ollama's log, but is a link or has no directory manifests; set OLLAMA_MODELS",
        .0.display()
    )]
    Unfit(PathBuf),
    /// The directory does not exist.
    #[error("there is no models directory {}: set OLLAMA_MODELS", .0.display())]
    Missing(PathBuf),
    /// It must not be read, or the disk fails.
    #[error("the models directory {} cannot be read", .dir.display())]
    Unreadable { dir: PathBuf, source: io::Error },
    /// What it is on does not answer.
    #[error("the models directory {} does not answer: is it on a disk or a mount that hangs?", .0.display())]
    Silent(PathBuf),
    /// There is no thread to look from, or it ended without a word, which is a bug.
    #[error("the models directory cannot be looked into")]
    Blind(#[from] io::Error),
}

/// How far a look has come, for whoever waits for it.
#[derive(Debug, Default)]
pub(super) struct Pace {
    steps: AtomicU64,
    /// Which of the places it is at.
    place: AtomicUsize,
    given_up: AtomicBool,
}

impl Pace {
    /// One step further; whether another one is worth it.
    pub(super) fn step(&self) -> bool {
        self.steps.fetch_add(1, Ordering::Relaxed);
        !self.given_up.load(Ordering::Relaxed)
    }

    fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }
}

/// A look that is under way. It is given up when this is dropped.
#[derive(Debug)]
pub(super) struct Look {
    places: Arc<[ModelsPlace]>,
    pace: Arc<Pace>,
    seen: Receiver<Result<ModelsSeen, LookError>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// What came of waiting for a look.
#[derive(Debug)]
pub(super) enum Waited {
    Ended(Result<ModelsSeen, LookError>),
    /// It hangs at this directory; it may be waited for again.
    Silent(PathBuf),
    Stopped,
}

impl Look {
    /// Begins to look into the first of `places` that is there; `stop` is woken when it has ended.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub(super) fn begin(places: &[ModelsPlace], stop: &Stop) -> io::Result<Self> {
        let (places, pace): (Arc<[ModelsPlace]>, Arc<Pace>) = (places.into(), Arc::default());
        let (sender, seen) = sync_channel(1);
        let thread = {
            let (places, pace, stop) = (Arc::clone(&places), Arc::clone(&pace), stop.clone());
            thread::Builder::new()
                .name("models".to_owned())
                .spawn(move || {
                    // Whoever waited may have given up.
                    let _ = sender.send(look_into(&places, &pace));
                    stop.wake();
                })?
        };
        Ok(Self {
            places,
            pace,
            seen,
            thread: Some(thread),
        })
    }

    /// Waits until it has ended, as long as it moves.
    pub(super) fn wait(&mut self, stop: &Stop) -> Waited {
        loop {
            let before = self.pace.steps();
            match self.wait_for(PATIENCE, stop) {
                Some(waited) => return waited,
                None if self.pace.steps() != before => {}
                None => {
                    let place = self.pace.place.load(Ordering::Relaxed);
                    let dir = self
                        .places
                        .get(place)
                        .map_or(Path::new(""), ModelsPlace::dir);
                    return Waited::Silent(dir.to_owned());
                }
            }
        }
    }

    /// Waits for its end for so long.
    fn wait_for(&mut self, time: Duration, stop: &Stop) -> Option<Waited> {
        let begun = Instant::now();
        loop {
            let left = time.saturating_sub(begun.elapsed());
            if stop.pause(left) {
                return Some(Waited::Stopped);
            }
            // Others wake as well, as when damage was found in the spool.
            stop.awake();
            match self.seen.try_recv() {
                Ok(seen) => {
                    // Having sent, it wakes and ends: nothing of it is left to wake a later wait.
                    let _ = self.thread.take().map(thread::JoinHandle::join);
                    stop.awake();
                    return Some(Waited::Ended(seen));
                }
                Err(TryRecvError::Disconnected) => {
                    let bug = io::Error::other("the look ended without a word");
                    return Some(Waited::Ended(Err(bug.into())));
                }
                Err(TryRecvError::Empty) if left.is_zero() => return None,
                Err(TryRecvError::Empty) => {}
            }
        }
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        claim::give_up(&self.pace.given_up);
    }
}

/// Looks into the first of `places` that is there, and waits for it as long as its disk answers and `stop` is not triggered.
///
/// # Errors
/// [`LookError`] when nothing was seen.
pub fn look(places: &[ModelsPlace], stop: &Stop) -> Result<ModelsSeen, LookError> {
    match Look::begin(places, stop)?.wait(stop) {
        Waited::Ended(seen) => seen,
        Waited::Silent(dir) => Err(LookError::Silent(dir)),
        Waited::Stopped => Err(io::Error::from(ErrorKind::Interrupted).into()),
    }
}

fn look_into(places: &[ModelsPlace], pace: &Pace) -> Result<ModelsSeen, LookError> {
    let mut passed_over = None;
    for (number, place) in places.iter().enumerate() {
        pace.place.store(number, Ordering::Relaxed);
        let dir = || place.dir().to_owned();
        let Some(_claim) = Claim::take(place.dir(), &pace.given_up) else {
            // Nobody waits for it any more.
            break;
        };
        match scan_place(place, pace) {
            Ok(Some(scan)) => {
                let place = place.clone();
                return Ok(ModelsSeen {
                    place,
                    scan,
                    passed_over,
                });
            }
            Ok(None) => passed_over = Some(dir()),
            Err(source) => match source.kind() {
                ErrorKind::NotFound => {}
                ErrorKind::NotADirectory if places.len() > 1 => {}
                _ => return Err(LookError::Unreadable { dir: dir(), source }),
            },
        }
    }
    Err(match (passed_over, places) {
        (Some(dir), _) => LookError::Unfit(dir),
        (None, [place]) => LookError::Missing(place.dir().to_owned()),
        (None, _) => LookError::NotFound,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory that somebody looks into, and does not come back from.
    fn hung() -> (tempfile::TempDir, Claim) {
        let dir = tempfile::tempdir().unwrap();
        let claim = Claim::take(dir.path(), &AtomicBool::new(false)).unwrap();
        (dir, claim)
    }

    fn begin(dir: &Path, stop: &Stop) -> Look {
        Look::begin(&[ModelsPlace::Given(dir.to_owned())], stop).unwrap()
    }

    #[test]
    fn a_look_waits_until_nobody_else_looks_there() {
        let ((dir, claim), stop) = (hung(), Stop::new().unwrap());
        let mut look = begin(dir.path(), &stop);
        assert!(look.wait_for(Duration::from_millis(50), &stop).is_none());
        drop(claim);
        let waited = look.wait(&stop);
        assert!(matches!(waited, Waited::Ended(Ok(_))), "{waited:?}");
    }

    #[test]
    fn a_stop_ends_the_waiting_and_a_look_that_is_given_up_its_thread() {
        let ((dir, _claim), stop) = (hung(), Stop::new().unwrap());
        let mut look = begin(dir.path(), &stop);
        stop.trigger();
        assert!(matches!(look.wait(&stop), Waited::Stopped));
        let thread = look.thread.take().unwrap();
        drop(look);
        thread.join().unwrap();
    }

    #[test]
    fn a_look_at_one_directory_does_not_wait_for_another() {
        let ((_hung, _claim), stop) = (hung(), Stop::new().unwrap());
        let dir = tempfile::tempdir().unwrap();
        let seen = look(&[ModelsPlace::Given(dir.path().to_owned())], &stop);
        assert!(seen.is_ok(), "{seen:?}");
    }

    #[test]
    fn the_end_of_a_look_wakes_no_later_wait() {
        let (dir, stop) = (tempfile::tempdir().unwrap(), Stop::new().unwrap());
        let waited = begin(dir.path(), &stop).wait(&stop);
        assert!(matches!(waited, Waited::Ended(Ok(_))));
        let begun = Instant::now();
        assert!(!stop.pause(Duration::from_millis(50)));
        assert!(begun.elapsed() >= Duration::from_millis(50));
    }
}
