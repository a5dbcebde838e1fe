//! An InfluxDB 2.x write endpoint that keeps distinct points, parses with a parser that is not ours (the vendor's
//! crate `influxdb-line-protocol`), and fails in every way that servers and networks do, on demand.

mod serving;
mod state;

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio_rustls::TlsAcceptor;

pub use crate::asked::Bucket;
use crate::points;
pub use crate::points::{Kind, Point, Points};
use crate::served::{Served, lock};
use serving::decompressed;
use state::{State, newlines};

/// One way to fail, for one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This status with a JSON error body; nothing is stored.
    Status(u16),
    /// This status with `Retry-After: VALUE`; nothing is stored.
    RetryAfter(u16, String),
    /// This status and this body; nothing is stored.
    Body(u16, String),
    /// No answer until the client gives up.
    Hang,
    /// Stores, then answers a byte at a time, with this pause after each.
    Drip(Duration),
    /// Stores, and answers only after this time.
    Late(Duration),
    /// Closes the connection without storing.
    CloseBefore,
    /// Stores, then closes the connection without an answer.
    CloseAfter,
    /// Promises a longer body than it sends (status 400, nothing stored).
    Truncated,
    /// 200 with a page for people.
    Portal,
    /// 302 to a page for people.
    Redirect,
}

/// How lines that `poison` names are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// 400, nothing stored, the first refused line named: 2.x with a line that does not parse.
    NothingNamed,
    /// 400, nothing stored, every refused line quoted with its text: 2.x with lines that do not parse.
    NothingQuoted,
    /// 400, nothing stored, no line named.
    NothingStored,
    /// 422, all others stored, with their number: 2.x.
    Counted,
    /// The same, but the number is that of the first refused line's hour alone: 2.x with several shards.
    CountedOneHour,
    /// 400, all others stored, with their number: 1.x.
    Counted1x,
    /// 400, all others stored, every refused line quoted with its text, and `dropped=0`: 1.x with lines that do not parse.
    Quoted1x,
    /// 500, all others stored, with their number: early 2.x.
    Counted500,
    /// 400, all others stored, without their number.
    Uncounted,
}

/// What happens to bodies that arrive whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Parse every line and keep every point.
    #[default]
    Points,
    /// Decompress and count lines, for measuring the client.
    Count,
    /// Answer at once and keep the body as it came, for measuring the client where the endpoint shares its cores;
    /// [`Endpoint::tally`] looks into them afterwards.
    Bodies,
}

/// What arrived in bodies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Lines, equal ones too.
    pub lines: u64,
    /// Distinct points of `ollama_logs`.
    pub distinct_logs: u64,
    /// Bytes of the bodies as they came.
    pub wire_bytes: u64,
    /// Bytes of the bodies decompressed.
    pub line_bytes: u64,
}

/// The reason for which a line is refused, if it is.
pub type Poison = Box<dyn FnMut(&Point) -> Option<String> + Send>;

/// What happens to a request, by the text of its body; `None` is no fault.
pub type Illness = Box<dyn FnMut(&str) -> Option<Fault> + Send>;

/// What one request brought.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When its body was there.
    pub at: Instant,
    /// Method, path and query.
    pub target: String,
    /// Its `Authorization` header.
    pub authorization: Option<String>,
    /// Lines in it.
    pub lines: usize,
    /// Decompressed bytes of it.
    pub bytes: usize,
    /// Status it was answered with; 0 for none.
    pub status: u16,
}

/// The endpoint, on a thread of its own until it is dropped.
pub struct Endpoint {
    state: Arc<Mutex<State>>,
    served: Served,
    scheme: &'static str,
}

impl Endpoint {
    /// Plain http on a free loopback port.
    pub fn start() -> io::Result<Self> {
        Self::listen(None)
    }

    /// https with what `config` holds.
    pub fn start_tls(config: tokio_rustls::rustls::ServerConfig) -> io::Result<Self> {
        Self::listen(Some(TlsAcceptor::from(Arc::new(config))))
    }

    fn listen(tls: Option<TlsAcceptor>) -> io::Result<Self> {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let state = Arc::<Mutex<State>>::default();
        Ok(Self {
            served: Served::start(0, tls, Arc::clone(&state))?,
            state,
            scheme,
        })
    }

    /// Its `INFLUXDB_URL`.
    pub fn url(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.served.port())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// What to do with bodies.
    pub fn keep(&self, keep: Keep) {
        self.state().keep = keep;
    }

    /// Drops every connection, old and new, until it comes back.
    pub fn set_down(&self, down: bool) {
        self.state().down = down;
    }

    /// Answers 413 to decompressed bodies longer than this.
    pub fn set_max_body(&self, max: Option<usize>) {
        self.state().max_body = max;
    }

    /// Refuses the lines that `poison` gives a reason for.
    pub fn set_poison(
        &self,
        manner: Manner,
        poison: impl FnMut(&Point) -> Option<String> + Send + 'static,
    ) {
        self.state().poison = Some((manner, Box::new(poison)));
    }

    /// Meets every request that the script leaves alone with the fault that `illness` gives for its body.
    pub fn set_illness(&self, illness: impl FnMut(&str) -> Option<Fault> + Send + 'static) {
        self.state().illness = Some(Box::new(illness));
    }

    /// Lets it be asked for what it holds: it says that this is where that is.
    pub fn set_bucket(&self, bucket: Bucket) {
        self.state().bucket = Some(bucket);
    }

    /// Writes line protocol past the shipper.
    ///
    /// # Panics
    /// When that is none.
    pub fn insert(&self, lines: &str) {
        let points: Result<_, _> = points::lines(lines).collect();
        self.state().points.extend(points.expect("line protocol"));
    }

    /// Removes the points that `lost` names.
    pub fn lose(&self, lost: impl Fn(&Point) -> bool) {
        self.state().points.lose(lost);
    }

    /// Meets questions with the fault that `silence` gives for their Flux.
    pub fn set_silence(&self, silence: impl FnMut(&str) -> Option<Fault> + Send + 'static) {
        self.state().silence = Some(Box::new(silence));
    }

    /// Accepts all lines and all bodies again.
    pub fn cure(&self) {
        let mut state = self.state();
        (state.poison, state.illness) = (None, None);
    }

    /// Adds to what happens to the next requests, one each; `None` is no fault.
    pub fn script(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.state().script.extend(faults);
    }

    /// Forgets the faults that no request has met yet.
    pub fn script_clear(&self) {
        self.state().script.clear();
    }

    /// Faults that no request has met yet.
    pub fn script_left(&self) -> usize {
        self.state().script.len()
    }

    /// A look at what is stored.
    pub fn points<T>(&self, look: impl FnOnce(&Points) -> T) -> T {
        look(&self.state().points)
    }

    /// Lines counted under [`Keep::Count`].
    pub fn counted(&self) -> usize {
        self.state().counted
    }

    /// Lines in the uncompressed bodies that [`Keep::Bodies`] has kept, by their newlines: how far a client without gzip
    /// is, for next to no work.
    pub fn newlines(&self) -> usize {
        let state = self.state();
        let bodies = state.bodies.iter().filter(|(_, gzip)| !gzip);
        bodies
            .map(|(body, _)| newlines(body) + usize::from(!body.ends_with(b"\n")))
            .sum()
    }

    /// What [`Keep::Bodies`] has kept, and forgets with this.
    ///
    /// # Errors
    /// A body that is not line protocol.
    pub fn tally(&self) -> io::Result<Tally> {
        let bodies = std::mem::take(&mut self.state().bodies);
        let mut tally = Tally::default();
        let mut identities = HashSet::new();
        for (body, gzip) in bodies {
            tally.wire_bytes += body.len() as u64;
            let body = decompressed(&body, gzip)?;
            tally.line_bytes += body.len() as u64;
            let text = std::str::from_utf8(&body).map_err(io::Error::other)?;
            for line in points::lines(text) {
                let point = line.map_err(io::Error::other)?;
                tally.lines += 1;
                if point.measurement == "ollama_logs" {
                    identities.insert((point.series, point.time));
                }
            }
        }
        tally.distinct_logs = identities.len() as u64;
        Ok(tally)
    }

    /// All requests whose body arrived.
    pub fn seen(&self) -> Vec<Seen> {
        self.state().seen.clone()
    }

    /// Most requests that were open at once.
    pub fn most_open(&self) -> usize {
        self.state().most_open
    }
}
