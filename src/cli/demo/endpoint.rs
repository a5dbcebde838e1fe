//! An InfluxDB 2.x write endpoint in miniature: it checks line protocol, keeps distinct points, and can be down.

use std::collections::HashMap;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use flate2::read::GzDecoder;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

/// The longest body taken, compressed and decompressed, in bytes: the largest `SHIPPER_BATCH_BYTES` and some.
const MAX_BODY: usize = 64 << 20;

/// Where the demo's points go; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    address: SocketAddr,
    state: Arc<Mutex<EndpointState>>,
}

#[derive(Debug, Default)]
struct EndpointState {
    down: bool,
    /// Fields by series and timestamp: what makes a point the same point in InfluxDB.
    points: HashMap<(String, i64), String>,
    tally: Tally,
}

/// What happened at the endpoint.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// Lines in bodies answered with 204.
    pub(super) lines: usize,
    /// Distinct points of `ollama_logs`.
    pub(super) log_points: usize,
    /// Connections dropped while the endpoint was down.
    pub(super) dropped: usize,
    /// Bodies refused as malformed.
    pub(super) refused: usize,
}

impl Endpoint {
    /// Listens on a free port of the loopback interface until the runtime ends.
    pub(super) async fn start(token: &'static str) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = Self {
            address: listener.local_addr()?,
            state: Arc::default(),
        };
        let accepting = endpoint.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if accepting.with(EndpointState::is_dropping) {
                    continue;
                }
                tokio::spawn(accepting.clone().serve(stream, token));
            }
        });
        Ok(endpoint)
    }

    /// Its `INFLUXDB_URL`.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Goes down: new connections are dropped, requests on old ones fail.
    pub(super) fn go_down(&self) {
        self.with(|state| state.down = true);
    }

    /// Comes back, with everything it had.
    pub(super) fn come_back(&self) {
        self.with(|state| state.down = false);
    }

    pub(super) fn tally(&self) -> Tally {
        self.with(|state| state.tally)
    }

    /// The messages of all distinct points, in no order.
    pub(super) fn messages(&self) -> Vec<String> {
        self.with(|state| {
            let logs = state
                .points
                .iter()
                .filter(|((series, _), _)| is_log(series));
            logs.map(|(_, fields)| message(fields)).collect()
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut EndpointState) -> T) -> T {
        // Every critical section leaves the state whole, even one that panicked.
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn serve(self, stream: TcpStream, token: &'static str) {
        let service = service_fn(|request| {
            let endpoint = self.clone();
            async move { endpoint.write(request, token).await }
        });
        // An error here is a client that went away, or a request refused because the endpoint is down.
        let _ = http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }

    async fn write(
        &self,
        request: Request<Incoming>,
        token: &str,
    ) -> Result<Response<Full<Bytes>>, io::Error> {
        let answer = |status: StatusCode, body: String| {
            let mut response = Response::new(Full::new(Bytes::from(body)));
            *response.status_mut() = status;
            Ok(response)
        };
        if request.method() != Method::POST || request.uri().path() != "/api/v2/write" {
            return answer(StatusCode::NOT_FOUND, String::new());
        }
        let expected = format!("Token {token}");
        if request
            .headers()
            .get(AUTHORIZATION)
            .is_none_or(|given| given != expected.as_str())
        {
            return answer(StatusCode::UNAUTHORIZED, String::new());
        }
        let zipped = request
            .headers()
            .get(CONTENT_ENCODING)
            .is_some_and(|coding| coding == "gzip");
        let body = Limited::new(request.into_body(), MAX_BODY).collect().await;
        let body = body.map_err(io::Error::other)?.to_bytes();
        if self.with(EndpointState::is_dropping) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let text = if zipped { unzip(&body)? } else { body.to_vec() };
        match parse(&text) {
            Ok(points) => {
                self.with(|state| state.store(points));
                answer(StatusCode::NO_CONTENT, String::new())
            }
            Err(line) => {
                self.with(|state| state.tally.refused += 1);
                answer(StatusCode::BAD_REQUEST, format!("unable to parse {line:?}"))
            }
        }
    }
}

impl EndpointState {
    /// Whether it is down; counts the connection as dropped then.
    fn is_dropping(&mut self) -> bool {
        self.tally.dropped += usize::from(self.down);
        self.down
    }

    fn store(&mut self, points: Vec<Point<'_>>) {
        self.tally.lines += points.len();
        for point in points {
            let identity = (point.series.to_owned(), point.timestamp);
            let fresh = self
                .points
                .insert(identity, point.fields.to_owned())
                .is_none();
            self.tally.log_points += usize::from(fresh && is_log(point.series));
        }
    }
}

fn unzip(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    GzDecoder::new(body)
        .take(MAX_BODY as u64)
        .read_to_end(&mut text)?;
    Ok(text)
}

/// One line of line protocol, taken apart at its unescaped spaces.
#[derive(Debug, PartialEq, Eq)]
struct Point<'a> {
    /// Measurement and tags.
    series: &'a str,
    fields: &'a str,
    timestamp: i64,
}

fn is_log(series: &str) -> bool {
    series.starts_with("ollama_logs,")
}

/// All points of a body, or the beginning of the first line that is none.
fn parse(body: &[u8]) -> Result<Vec<Point<'_>>, String> {
    let mut rest = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    let mut points = Vec::new();
    while !rest.is_empty() {
        let (point, after) =
            point(rest).ok_or_else(|| rest.chars().take(80).collect::<String>())?;
        points.push(point);
        rest = after;
    }
    Ok(points)
}

fn point(text: &str) -> Option<(Point<'_>, &str)> {
    let (series, text) = until_space(text)?;
    let (fields, text) = until_space(text)?;
    let (timestamp, rest) = text.split_once('\n').unwrap_or((text, ""));
    let has_tags = series.contains(',') && series.split(',').skip(1).all(|tag| tag.contains('='));
    let point = Point {
        series,
        fields,
        timestamp: timestamp.parse().ok()?,
    };
    (has_tags && fields.contains("=\"")).then_some((point, rest))
}

/// Splits at the first space that is neither escaped nor within a quoted string.
fn until_space(text: &str) -> Option<(&str, &str)> {
    let (mut escaped, mut quoted) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b' ' if !quoted => return Some((&text[..at], &text[at + 1..])),
            b'\n' if !quoted => return None,
            _ => {}
        }
    }
    None
}

/// The text of `message="…"`, its escapes undone.
fn message(fields: &str) -> String {
    let quoted = fields.strip_prefix("message=\"").unwrap_or(fields);
    let mut text = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => text.extend(characters.next()),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_taken_apart_at_unescaped_spaces_only() {
        let body =
            b"ollama_logs,host=a\\ b,source=systemd message=\"x \\\"y\\\"\nz\" 17\nm,t=1 f=\"\" -1";
        let points = parse(body).unwrap();
        assert_eq!(points.len(), 2);
        assert_eq!(points[0].series, "ollama_logs,host=a\\ b,source=systemd");
        assert_eq!(message(points[0].fields), "x \"y\"\nz");
        assert_eq!((points[0].timestamp, points[1].timestamp), (17, -1));
    }

    #[test]
    fn what_is_no_point_is_refused() {
        for body in [
            "m",
            "m,t=1",
            "m,t=1 f=\"x\"",
            "m f=\"x\" 1",
            "m,t f=\"x\" 1",
            "m,t=1 f=\"x 1",
            "m,t=1 f=\"x\" y",
        ] {
            assert!(parse(body.as_bytes()).is_err(), "{body}");
        }
        assert!(parse(b"\xff").is_err());
    }
}
