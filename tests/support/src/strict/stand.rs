//! A stand-in at work: its state, and the port that it is served on while it is up.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};

use super::ask::{Ask, Told};
use crate::body::AnswerBody;
use crate::served::{Handler, Served, lock};

/// What a server holds, and how it answers.
pub(super) trait Answers: Send + 'static {
    /// The answer; `None` when the connection is closed without one.
    fn answer(&mut self, ask: &Ask) -> Option<Told>;
}

/// A server that can be stopped and started again with what it holds, on the same port.
pub(super) struct Stand<S> {
    shared: Arc<Shared<S>>,
    port: u16,
    served: Option<Served>,
}

struct Shared<S> {
    state: Mutex<S>,
    /// Method and path of each request.
    targets: Mutex<Vec<String>>,
    open: AtomicUsize,
    most_open: AtomicUsize,
}

impl<S: Answers> Stand<S> {
    /// On a port, or a free one for 0.
    pub(super) fn start(state: S, port: u16) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            targets: Mutex::default(),
            open: AtomicUsize::new(0),
            most_open: AtomicUsize::new(0),
        });
        let served = Served::start(port, None, Arc::clone(&shared))?;
        Ok(Self {
            shared,
            port: served.port(),
            served: Some(served),
        })
    }

    pub(super) fn stop(&mut self) {
        self.served = None;
    }

    pub(super) fn restart(&mut self) -> io::Result<()> {
        self.stop();
        let shared = Arc::clone(&self.shared);
        self.served = Some(Served::start(self.port, None, shared)?);
        Ok(())
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Most requests that were being answered at once.
    pub(super) fn most_open(&self) -> usize {
        self.shared.most_open.load(Ordering::Relaxed)
    }

    /// Method and path of each request so far, in order.
    pub(super) fn targets(&self) -> Vec<String> {
        lock(&self.shared.targets).clone()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, S> {
        self.shared.lock()
    }
}

impl<S> Shared<S> {
    fn lock(&self) -> MutexGuard<'_, S> {
        lock(&self.state)
    }
}

impl<S: Answers> Handler for Shared<S> {
    fn is_down(&self) -> bool {
        false
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> io::Result<Response<AnswerBody>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let ask = Ask {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: head.headers,
            body,
        };
        let (method, path) = ask.target();
        lock(&self.targets).push(format!("{method} {path}"));
        let open = Open::new(&self);
        let told = self.lock().answer(&ask);
        let told = told.ok_or(io::ErrorKind::ConnectionReset)?;
        tokio::time::sleep(told.after).await;
        drop(open);
        let mut answer = Response::new(AnswerBody::whole(told.body));
        *answer.status_mut() = StatusCode::from_u16(told.status).map_err(io::Error::other)?;
        for (name, value) in told.headers {
            let value = value.parse().map_err(io::Error::other)?;
            answer.headers_mut().insert(name, value);
        }
        Ok(answer)
    }
}

/// Counts a request as open while it lives, whether it is answered or abandoned.
struct Open<'a>(&'a AtomicUsize);

impl<'a> Open<'a> {
    fn new<S>(shared: &'a Shared<S>) -> Self {
        let open = shared.open.fetch_add(1, Ordering::Relaxed) + 1;
        shared.most_open.fetch_max(open, Ordering::Relaxed);
        Self(&shared.open)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Nanoseconds since the Unix epoch.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(since.expect("a clock after 1970").as_nanos()).expect("a time before 2262")
}
