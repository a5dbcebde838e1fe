//! The spool on a thread of its own, for stages that block and for stages that must not.
//!
//! sled's write lock is global to the process, and every commit waits for the disk: one thread owns
//! the [`Spool`], everybody else sends it closures and waits for what they return.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use spool::{Options, Rebuilding, Recovery, Spool};
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::base::stop::Stop;

type Job = Box<dyn FnOnce(&mut Spool) + Send>;

/// Jobs that may wait for the spool's thread; a stage that sends one more waits for a place.
const QUEUED_JOBS: usize = 16;

/// How often a long opening says how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// A handle to the spool's thread; cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    jobs: mpsc::Sender<Job>,
    appended: Arc<Notify>,
    /// What records that are read from now on are stored with.
    layout: Arc<[u8]>,
    rewinds: watch::Receiver<u64>,
    /// Who waits and is to know of a rewind at once.
    waiting: Arc<Mutex<Vec<Stop>>>,
}

/// The spool's thread is gone: it ended with the service, or a bug made it panic.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the spool's thread has ended")]
pub struct Ended;

/// A job under way on the spool's thread.
#[derive(Debug)]
pub struct Begun<T>(oneshot::Receiver<T>);

impl<T> Begun<T> {
    /// Waits for what the job returns, on a thread that may block.
    ///
    /// # Errors
    /// [`Ended`] when the spool's thread is gone.
    pub fn wait(self) -> Result<T, Ended> {
        self.0.blocking_recv().map_err(|_| Ended)
    }
}

impl Store {
    /// Opens the spool and starts its thread, which ends when the last handle is dropped. What takes long is logged.
    ///
    /// # Errors
    /// Those of [`Spool::open`].
    pub fn open(
        dir: &Path,
        options: Options,
    ) -> Result<(Self, Recovery, JoinHandle<()>), spool::Error> {
        let mut last = Instant::now();
        Self::open_observed(dir, options, |Rebuilding { read, generations }| {
            if last.elapsed() >= TOLD_EVERY {
                last = Instant::now();
                tracing::info!("MANIFEST is lost: {read} of {generations} generations read");
            }
        })
    }

    /// [`Store::open`], telling `observe` how far it is when every generation has to be read.
    ///
    /// # Errors
    /// Those of [`Spool::open`].
    pub fn open_observed(
        dir: &Path,
        options: Options,
        observe: impl FnMut(Rebuilding),
    ) -> Result<(Self, Recovery, JoinHandle<()>), spool::Error> {
        let layout = options.adopt.layout.as_slice().into();
        let (mut spool, recovery) = Spool::open_observed(dir, options, observe)?;
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUED_JOBS);
        let (rewound, rewinds) = watch::channel(spool.rewinds());
        let waiting: Arc<Mutex<Vec<Stop>>> = Arc::default();
        let woken = Arc::clone(&waiting);
        let thread = thread::Builder::new()
            .name("spool".to_owned())
            .spawn(move || {
                while let Some(job) = queue.blocking_recv() {
                    job(&mut spool);
                    let now = spool.rewinds();
                    if rewound.send_if_modified(|told| std::mem::replace(told, now) != now) {
                        lock(&woken).iter().for_each(Stop::wake);
                    }
                }
            })
            .map_err(spool::Error::from)?;
        let store = Self {
            jobs,
            appended: Arc::new(Notify::new()),
            layout,
            rewinds,
            waiting,
        };
        Ok((store, recovery, thread))
    }

    /// Runs `job` on the spool's thread and waits without blocking the runtime.
    ///
    /// # Errors
    /// [`Ended`] when there is no such thread any more.
    pub async fn call<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Spool) -> T + Send + 'static,
    ) -> Result<T, Ended> {
        let (answer, result) = oneshot::channel();
        let job = Box::new(move |spool: &mut Spool| {
            // A caller that was cancelled no longer wants the answer.
            let _ = answer.send(job(spool));
        });
        self.jobs.send(job).await.map_err(|_| Ended)?;
        result.await.map_err(|_| Ended)
    }

    /// [`Store::call`] for a thread that may block.
    ///
    /// # Errors
    /// [`Ended`] when there is no such thread any more.
    pub fn call_blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Spool) -> T + Send + 'static,
    ) -> Result<T, Ended> {
        self.begin(job)?.wait()
    }

    /// Hands `job` to the spool's thread and returns at once, unless too many jobs wait already.
    ///
    /// # Errors
    /// [`Ended`] when there is no such thread any more.
    pub fn begin<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Spool) -> T + Send + 'static,
    ) -> Result<Begun<T>, Ended> {
        let (answer, result) = oneshot::channel();
        let job = Box::new(move |spool: &mut Spool| {
            let _ = answer.send(job(spool));
        });
        self.jobs.blocking_send(job).map_err(|_| Ended)?;
        Ok(Begun(result))
    }

    /// The layout of records that are read from now on, as it is stored.
    #[must_use]
    pub fn layout(&self) -> &[u8] {
        &self.layout
    }

    /// How often damage has set positions back, as far as is known by now.
    #[must_use]
    pub fn rewinds(&self) -> u64 {
        *self.rewinds.borrow()
    }

    /// Wakes `waiting` whenever damage sets positions back.
    pub fn wake_on_rewind(&self, waiting: Stop) {
        lock(&self.waiting).push(waiting);
    }

    /// Tells the forwarder stage that there is something to send.
    pub fn notify_appended(&self) {
        self.appended.notify_one();
    }

    /// Completes once [`Store::notify_appended`] was called after the last time this completed.
    pub async fn appended(&self) {
        self.appended.notified().await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
