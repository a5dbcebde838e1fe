//! Requests to the endpoint: each is met by a fault, or answered as a server does that is well.

use std::io::{self, Read as _};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use flate2::read::GzDecoder;
use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, LOCATION, RETRY_AFTER};
use hyper::{Request, Response};

use super::state::State;
use super::{Fault, Keep, Seen};
use crate::body::AnswerBody;
use crate::served::{Handler, lock};

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

pub(super) const BUCKETS: &str = "GET /api/v2/buckets";
pub(super) const QUERY: &str = "POST /api/v2/query";

const PAGE: &str = "<!DOCTYPE html><html><body>Welcome! Please log in.</body></html>";

pub(super) fn decompressed(body: &Bytes, gzip: bool) -> io::Result<Vec<u8>> {
    if !gzip {
        return Ok(body.to_vec());
    }
    let mut text = Vec::new();
    GzDecoder::new(&body[..]).read_to_end(&mut text)?;
    Ok(text)
}

pub(super) fn error(status: u16, message: &str) -> Response<AnswerBody> {
    let text = serde_json::json!({ "code": "error", "message": message }).to_string();
    let mut answer = plain(status, text);
    let json = hyper::header::HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, json);
    answer
}

pub(super) fn plain(status: u16, text: String) -> Response<AnswerBody> {
    with_body(status, AnswerBody::whole(text))
}

pub(super) fn with_body(status: u16, body: AnswerBody) -> Response<AnswerBody> {
    let mut answer = Response::new(body);
    *answer.status_mut() = hyper::StatusCode::from_u16(status).expect("a status");
    answer
}
