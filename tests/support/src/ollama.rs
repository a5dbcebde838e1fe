//! An Ollama of which only `/api/version`, `/api/ps` and `/api/tags` are there, with the JSON of the real one, and with faults on demand.

mod json;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, Response};

use crate::body::AnswerBody;
use crate::served::{Handler, Served, lock};

pub use json::{ListedFake, LoadedFake, OllamaRelease};

/// One way to fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OllamaFault {
    /// No answer until the client gives up.
    Hang,
    /// 200, and a byte every so often, for ever.
    Drip(Duration),
    /// 200 and a list of models of so many bytes.
    Flood(usize),
    /// 200 and this text.
    Text(String),
    /// This status, with an error as Ollama's.
    Status(u16),
    /// 302 to the same path without a query.
    Redirect,
    /// Closes the connection.
    Close,
}

/// What it is asked, whom it has in memory, and how it fails.
#[derive(Debug, Default)]
struct State {
    release: OllamaRelease,
    loaded: Vec<LoadedFake>,
    listed: Vec<ListedFake>,
    /// By the beginning of a path.
    faults: Vec<(String, OllamaFault)>,
    seen: Vec<OllamaSeen>,
}

/// A request that it got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OllamaSeen {
    /// Method, path and query.
    pub target: String,
    /// Names of its headers.
    pub headers: Vec<String>,
}

/// The server, on a thread of its own until it is dropped; then its port refuses connections.
pub struct FakeOllama {
    state: Arc<Mutex<State>>,
    served: Served,
}

impl FakeOllama {
    /// On a free loopback port, with nothing in memory and no models.
    pub fn start(release: OllamaRelease) -> io::Result<Self> {
        Self::start_at(0, release)
    }

    /// On this port, as after a restart.
    pub fn start_at(port: u16, release: OllamaRelease) -> io::Result<Self> {
        let state = Arc::new(Mutex::new(State {
            release,
            ..State::default()
        }));
        Ok(Self {
            served: Served::start(port, None, Arc::clone(&state))?,
            state,
        })
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.served.port()
    }

    /// What is in memory from now on.
    pub fn set_loaded(&self, loaded: Vec<LoadedFake>) {
        lock(&self.state).loaded = loaded;
    }

    /// What models there are from now on.
    pub fn set_listed(&self, listed: Vec<ListedFake>) {
        lock(&self.state).listed = listed;
    }

    /// How requests fail from now on whose path begins with `path`; `None` ends it.
    pub fn set_fault(&self, path: &str, fault: Option<OllamaFault>) {
        let mut state = lock(&self.state);
        state.faults.retain(|(begin, _)| begin != path);
        let fault = fault.map(|fault| (path.to_owned(), fault));
        state.faults.extend(fault);
    }

    /// The requests so far.
    pub fn seen(&self) -> Vec<OllamaSeen> {
        lock(&self.state).seen.clone()
    }

    /// How often `path` was asked for.
    pub fn asked(&self, path: &str) -> usize {
        let target = format!("GET {path}?by=shipper");
        let seen = self.seen().into_iter();
        seen.filter(|seen| seen.target == target).count()
    }

    /// The answer to `path` without faults.
    pub fn answer(&self, path: &str) -> Option<String> {
        lock(&self.state).answer(path)
    }
}

impl State {
    fn answer(&self, path: &str) -> Option<String> {
        Some(match path {
            "/api/version" => json::version(self.release),
            "/api/ps" => json::ps(self.release, &self.loaded),
            "/api/tags" => json::tags(self.release, &self.listed),
            _ => return None,
        })
    }
}

impl Handler for Mutex<State> {
    fn is_down(&self) -> bool {
        false
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> io::Result<Response<AnswerBody>> {
        let path = request.uri().path().to_owned();
        let (fault, answer) = {
            let mut state = lock(&self);
            let mut headers: Vec<_> = request.headers().keys().map(ToString::to_string).collect();
            headers.sort();
            state.seen.push(OllamaSeen {
                target: format!("{} {}", request.method(), request.uri()),
                headers,
            });
            let mut faults = state.faults.iter();
            let fault = faults.find(|(begin, _)| path.starts_with(begin));
            (fault.map(|(_, fault)| fault.clone()), state.answer(&path))
        };
        match (fault, answer) {
            (Some(fault), _) => apply(fault, &path).await,
            (None, Some(answer)) => Ok(json_answer(200, AnswerBody::whole(answer))),
            (None, None) => Ok(json_answer(404, AnswerBody::whole("404 page not found"))),
        }
    }
}

async fn apply(fault: OllamaFault, path: &str) -> io::Result<Response<AnswerBody>> {
    Ok(match fault {
        OllamaFault::Hang => std::future::pending().await,
        OllamaFault::Drip(pause) => json_answer(200, AnswerBody::drip(pause)),
        OllamaFault::Flood(bytes) => json_answer(200, AnswerBody::whole(json::flood(bytes))),
        OllamaFault::Text(text) => json_answer(200, AnswerBody::whole(text)),
        OllamaFault::Status(status) => json_answer(
            status,
            AnswerBody::whole(r#"{"error":"a fault on demand"}"#),
        ),
        OllamaFault::Redirect => Response::builder()
            .status(302)
            .header(hyper::header::LOCATION, path)
            .body(AnswerBody::whole(""))
            .map_err(io::Error::other)?,
        OllamaFault::Close => return Err(io::ErrorKind::ConnectionReset.into()),
    })
}

fn json_answer(status: u16, body: AnswerBody) -> Response<AnswerBody> {
    let mut answer = Response::new(body);
    *answer.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    let json = hyper::header::HeaderValue::from_static("application/json; charset=utf-8");
    answer
        .headers_mut()
        .insert(hyper::header::CONTENT_TYPE, json);
    answer
}
