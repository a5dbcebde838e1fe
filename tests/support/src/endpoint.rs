//! An InfluxDB 2.x write endpoint that keeps distinct points, parses with a parser that is not ours (the vendor's
//! crate `influxdb-line-protocol`), and fails in every way that servers and networks do, on demand.

use std::collections::{HashSet, VecDeque};
use std::io::{self, Read as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, LOCATION, RETRY_AFTER};
use hyper::{Request, Response};
use tokio_rustls::TlsAcceptor;

pub use crate::asked::Bucket;
use crate::body::AnswerBody;
pub use crate::points::{Kind, Point, Points};
use crate::served::{Handler, Served};
use crate::{asked, points};

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

#[derive(Default)]
struct State {
    keep: Keep,
    down: bool,
    max_body: Option<usize>,
    poison: Option<(Manner, Poison)>,
    illness: Option<Illness>,
    /// What happens to the next requests; then all is well.
    script: VecDeque<Option<Fault>>,
    points: Points,
    /// What it can be asked for; nothing when there is none.
    bucket: Option<Bucket>,
    /// What happens to questions, by the text of their Flux; `None` is no fault.
    silence: Option<Illness>,
    seen: Vec<Seen>,
    counted: usize,
    bodies: Vec<(Bytes, bool)>,
    open: usize,
    most_open: usize,
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
            .map(|(body, _)| memchr_count(body) + usize::from(!body.ends_with(b"\n")))
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

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Handler for Mutex<State> {
    fn is_down(&self) -> bool {
        lock(self).down
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> io::Result<Response<AnswerBody>> {
        let open = Open::new(&self);
        let answer = answer(request, &self).await;
        drop(open);
        answer
    }
}

/// Counts a request as open while it lives, whether it is answered or abandoned.
struct Open<'a>(&'a Mutex<State>);

impl<'a> Open<'a> {
    fn new(state: &'a Mutex<State>) -> Self {
        let mut inner = lock(state);
        inner.open += 1;
        inner.most_open = inner.most_open.max(inner.open);
        drop(inner);
        Self(state)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        lock(self.0).open -= 1;
    }
}

async fn answer(
    request: Request<Incoming>,
    state: &Mutex<State>,
) -> io::Result<Response<AnswerBody>> {
    let target = format!("{} {}", request.method(), request.uri());
    let header = |name: HeaderName| {
        let value = request.headers().get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let authorization = header(hyper::header::AUTHORIZATION);
    let gzip = header(CONTENT_ENCODING).as_deref() == Some("gzip");
    let compressed = request
        .into_body()
        .collect()
        .await
        .map_err(io::Error::other)?
        .to_bytes();
    if lock(state).keep == Keep::Bodies {
        lock(state).bodies.push((compressed, gzip));
        return Ok(with_body(204, AnswerBody::whole("")));
    }
    let body = decompressed(&compressed, gzip)?;
    let mut seen = Seen {
        at: Instant::now(),
        target,
        authorization,
        lines: body.iter().filter(|&&byte| byte == b'\n').count(),
        bytes: body.len(),
        status: 0,
    };
    let fault = {
        let mut state = lock(state);
        if state.down {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if is_question(&seen.target) {
            state.silenced(&body)
        } else {
            state.fault(&body)
        }
    };
    let Some(fault) = fault else {
        // Under one lock: who sees the points sees the request.
        let mut state = lock(state);
        let answer = state.reply(&seen.target, &body);
        seen.status = answer.status().as_u16();
        state.seen.push(seen);
        return Ok(answer);
    };
    let answer = apply(fault, &body, state).await;
    seen.status = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
    lock(state).seen.push(seen);
    answer
}

/// Faults that are meant for writes leave it alone.
fn is_question(target: &str) -> bool {
    [BUCKETS, QUERY].iter().any(|path| target.starts_with(path))
}

async fn apply(
    fault: Fault,
    body: &[u8],
    state: &Mutex<State>,
) -> io::Result<Response<AnswerBody>> {
    match fault {
        Fault::Status(status) => Ok(error(status, "a fault on demand")),
        Fault::RetryAfter(status, value) => {
            let mut answer = error(status, "a fault on demand");
            let value = value.parse().map_err(io::Error::other)?;
            answer.headers_mut().insert(RETRY_AFTER, value);
            Ok(answer)
        }
        Fault::Body(status, text) => Ok(plain(status, text)),
        Fault::Hang => std::future::pending().await,
        Fault::Drip(pause) => {
            lock(state).store(body);
            Ok(with_body(200, AnswerBody::drip(pause)))
        }
        Fault::Late(pause) => {
            let answer = lock(state).store(body);
            tokio::time::sleep(pause).await;
            Ok(answer)
        }
        Fault::CloseBefore => Err(io::ErrorKind::ConnectionReset.into()),
        Fault::CloseAfter => {
            lock(state).store(body);
            Err(io::ErrorKind::ConnectionReset.into())
        }
        Fault::Truncated => Ok(with_body(
            400,
            AnswerBody::cut(r#"{"code":"invalid","mess"#),
        )),
        Fault::Portal => Ok(plain(200, PAGE.to_owned())),
        Fault::Redirect => {
            let mut answer = plain(302, PAGE.to_owned());
            let value = "/welcome".parse().map_err(io::Error::other)?;
            answer.headers_mut().insert(LOCATION, value);
            Ok(answer)
        }
    }
}

const BUCKETS: &str = "GET /api/v2/buckets";
const QUERY: &str = "POST /api/v2/query";

const PAGE: &str = "<!DOCTYPE html><html><body>Welcome! Please log in.</body></html>";

impl State {
    /// What goes wrong with this request.
    fn fault(&mut self, body: &[u8]) -> Option<Fault> {
        if let Some(scripted) = self.script.pop_front() {
            return scripted;
        }
        let illness = self.illness.as_mut()?;
        illness(&String::from_utf8_lossy(body))
    }

    /// What goes wrong with this question.
    fn silenced(&mut self, flux: &[u8]) -> Option<Fault> {
        let silence = self.silence.as_mut()?;
        silence(&String::from_utf8_lossy(flux))
    }

    /// What a server that is well does.
    fn reply(&mut self, target: &str, body: &[u8]) -> Response<AnswerBody> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (status, text) = match path {
            BUCKETS => asked::buckets(self.bucket.as_ref(), query),
            QUERY => {
                let flux = String::from_utf8_lossy(body);
                asked::query(self.bucket.as_ref(), query, &flux, &self.points)
            }
            _ => return self.store(body),
        };
        plain(status, text)
    }

    /// Stores what it takes.
    fn store(&mut self, body: &[u8]) -> Response<AnswerBody> {
        if self.max_body.is_some_and(|max| body.len() > max) {
            return error(413, "request entity too large");
        }
        if self.keep == Keep::Count {
            self.counted += memchr_count(body);
            return with_body(204, AnswerBody::whole(""));
        }
        let Ok(text) = std::str::from_utf8(body) else {
            return error(400, "not UTF-8");
        };
        let mut good = Vec::new();
        let mut refused: Vec<(Point, String)> = Vec::new();
        for line in points::lines(text) {
            match line {
                Ok(point) => match self.refusal(&point) {
                    Some(reason) => refused.push((point, reason)),
                    None => good.push(point),
                },
                Err(error_text) => return error(400, &format!("unable to parse {error_text}")),
            }
        }
        let Some((first, reason)) = refused.first() else {
            self.points.extend(good);
            return with_body(204, AnswerBody::whole(""));
        };
        let manner = self.poison.as_ref().map(|(manner, _)| *manner);
        let (status, text) = match manner.unwrap_or(Manner::Counted) {
            Manner::NothingNamed => {
                good.clear();
                (
                    400,
                    format!("unable to parse '{} …': {reason}", first.series),
                )
            }
            Manner::NothingQuoted => {
                good.clear();
                (400, quoted(&refused))
            }
            Manner::NothingStored => {
                good.clear();
                (400, reason.clone())
            }
            Manner::Counted => (422, partial(reason, refused.len())),
            Manner::CountedOneHour => {
                let hour = |(point, _): &&(Point, String)| point.time / HOUR == first.time / HOUR;
                (422, partial(reason, refused.iter().filter(hour).count()))
            }
            Manner::Quoted1x => (
                400,
                format!("partial write: {} dropped=0", quoted(&refused)),
            ),
            Manner::Counted1x => (400, partial(reason, refused.len())),
            Manner::Counted500 => (500, partial(reason, refused.len())),
            Manner::Uncounted => (400, reason.clone()),
        };
        self.points.extend(good);
        error(status, &text)
    }

    fn refusal(&mut self, point: &Point) -> Option<String> {
        let (_, poison) = self.poison.as_mut()?;
        poison(point)
    }
}

fn partial(reason: &str, dropped: usize) -> String {
    format!("failure writing points to database: partial write: {reason} dropped={dropped}")
}

/// Nanoseconds of a shard in [`Manner::CountedOneHour`].
const HOUR: i64 = 3_600_000_000_000;

/// Refused lines as InfluxDB quotes them: with all that is in them.
fn quoted(refused: &[(Point, String)]) -> String {
    let quote = |(point, reason): &(Point, String)| {
        let (series, message, time) = (&point.series, point.message(), point.time);
        format!("unable to parse '{series} message=\"{message}\" {time}': {reason}")
    };
    refused.iter().map(quote).collect::<Vec<_>>().join("\n")
}

fn memchr_count(body: &[u8]) -> usize {
    body.iter().filter(|&&byte| byte == b'\n').count()
}

fn decompressed(body: &Bytes, gzip: bool) -> io::Result<Vec<u8>> {
    if !gzip {
        return Ok(body.to_vec());
    }
    let mut text = Vec::new();
    GzDecoder::new(&body[..]).read_to_end(&mut text)?;
    Ok(text)
}

fn error(status: u16, message: &str) -> Response<AnswerBody> {
    let text = serde_json::json!({ "code": "error", "message": message }).to_string();
    let mut answer = plain(status, text);
    let json = hyper::header::HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, json);
    answer
}

fn plain(status: u16, text: String) -> Response<AnswerBody> {
    with_body(status, AnswerBody::whole(text))
}

fn with_body(status: u16, body: AnswerBody) -> Response<AnswerBody> {
    let mut answer = Response::new(body);
    *answer.status_mut() = hyper::StatusCode::from_u16(status).expect("a status");
    answer
}
