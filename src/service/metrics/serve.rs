//! The HTTP side: two paths, GET, nothing else; a slow client is cut off.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::time::timeout;
use tracing::debug;

use super::render;
use crate::base::stop::Stop;
use crate::base::terminal::Safe;
use crate::config::MetricsListen;
use crate::operate::Operator;
use crate::service::shares::{self, Limits, Share};
use crate::service::socket::{self, SocketError};

const LIMITS: Limits = Limits {
    connections: 128,
    answers: 8,
};
/// The longest that one connection may take, idle time between scrapes included.
const MAX_AGE: Duration = Duration::from_secs(120);
/// The longest that a client may take to send its headers.
const HEADER_PATIENCE: Duration = Duration::from_secs(10);
/// Prometheus' text format.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Nobody can listen there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A port in use, for instance.
    #[error("cannot listen at {address} (SHIPPER_METRICS_LISTEN): {source}{}", hint(.source))]
    Address {
        address: SocketAddr,
        source: io::Error,
    },
    #[error(transparent)]
    Socket(#[from] SocketError),
}

/// What a sandbox that allows no other port says: systemd.resource-control(5), `SocketBindDeny=`.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "; the unit allows the port that install.sh found: run install.sh again"
        }
        _ => "",
    }
}

/// Whoever asks for metrics comes here.
pub(crate) enum Listener {
    Address(TcpListener),
    Socket(UnixListener),
}

/// Listens at `place`.
///
/// # Errors
/// [`Error`].
pub(crate) async fn listen(place: &MetricsListen) -> Result<Listener, Error> {
    match place {
        MetricsListen::Address(address) => {
            let listener = TcpListener::bind(address).await;
            let failed = |source| Error::Address {
                address: *address,
                source,
            };
            Ok(Listener::Address(listener.map_err(failed)?))
        }
        MetricsListen::Socket(path) => Ok(Listener::Socket(
            socket::listen(path, "SHIPPER_METRICS_LISTEN").await?,
        )),
    }
}

pub(crate) async fn serve(listener: Listener, operator: Operator, stop: Stop) {
    match listener {
        Listener::Address(listener) => {
            let attend = |stream, share| attend(stream, operator.clone(), share);
            shares::serve(&listener, "metrics", LIMITS, attend, &stop).await;
        }
        Listener::Socket(listener) => {
            let attend = |stream, share| attend(stream, operator.clone(), share);
            shares::serve(&listener, "metrics", LIMITS, attend, &stop).await;
            socket::remove(&listener);
        }
    }
}

async fn attend(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    operator: Operator,
    share: Share,
) {
    let service = service_fn(move |request| {
        let (operator, share) = (operator.clone(), share.clone());
        async move { Ok::<_, Infallible>(share.answer(answer(&request, &operator)).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_PATIENCE)
        .serve_connection(TokioIo::new(stream), service);
    if let Ok(Err(error)) = timeout(MAX_AGE, connection).await {
        debug!("metrics client: {error}");
    }
}

async fn answer(request: &Request<Incoming>, operator: &Operator) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "GET only\n".to_owned());
    }
    let path = request.uri().path();
    if !matches!(path, "/metrics" | "/healthz") {
        return plain(StatusCode::NOT_FOUND, "/metrics or /healthz\n".to_owned());
    }
    let Ok(stats) = operator.stats().await else {
        return plain(
            StatusCode::SERVICE_UNAVAILABLE,
            "the spool has ended\n".to_owned(),
        );
    };
    if path == "/metrics" {
        return plain(StatusCode::OK, render(&stats));
    }
    let status = if stats.is_working() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    plain(status, String::from(Safe::line(stats.in_words())) + "\n")
}

fn plain(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, TEXT);
    response
}
