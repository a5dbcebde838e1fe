//! The HTTP side: two paths, GET, nothing else; a slow client is cut off.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::render;
use crate::base::stop::Stop;
use crate::operate::Operator;

/// Connections served at once; one more waits.
const MAX_CONNECTIONS: usize = 16;
/// The longest that one connection may take, idle time between scrapes included.
const MAX_AGE: Duration = Duration::from_secs(120);
/// The longest that a client may take to send its headers.
const HEADER_PATIENCE: Duration = Duration::from_secs(10);
/// Prometheus' text format.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Nobody can listen there.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen at {address} (SHIPPER_METRICS_LISTEN): {source}")]
pub struct Error {
    address: SocketAddr,
    source: io::Error,
}

/// Listens at `address`.
///
/// # Errors
/// [`Error`], a port in use for instance.
pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address)
        .await
        .map_err(|source| Error { address, source })
}

pub(crate) async fn serve(listener: TcpListener, operator: Operator, stop: Stop) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // Dropped at the end, and every connection with it.
    let mut connections = JoinSet::new();
    let accept = async {
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let operator = operator.clone();
                    connections.spawn(async move {
                        attend(stream, operator).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    warn!("metrics: cannot accept: {error}");
                    sleep(Duration::from_secs(1)).await;
                }
            }
            while connections.try_join_next().is_some() {}
        }
    };
    tokio::select! {
        () = accept => {}
        () = stop.triggered() => {}
    }
}

async fn attend(stream: TcpStream, operator: Operator) {
    let service = service_fn(move |request| {
        let operator = operator.clone();
        async move { Ok::<_, Infallible>(answer(&request, &operator).await) }
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
    plain(status, stats.in_words() + "\n")
}

fn plain(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, TEXT);
    response
}
