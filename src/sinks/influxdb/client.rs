//! One POST, one [`HttpAnswer`]: the only place that speaks HTTP to InfluxDB.
//!
//! Which API is spoken is what `INFLUXDB_API` says, or what the server says to `/ping`. That is kept until [`Client::doubt_server`].
//! Redirects are not followed (a captive portal's would end in a 200), the system's proxies are used, and neither
//! token nor URL ever reaches an error text.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use reqwest::header::{CONTENT_ENCODING, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, ClientBuilder, RequestBuilder, Url, redirect};

use super::answer::{Failure, HttpAnswer, Response};
use super::body::{Body, Encoding};
use super::failure::{failure, innermost};
use super::numbers::Numbers;
use super::request::{authorize, url, write_url};
use super::version::Spoken;
use crate::base::retry::parse_retry_after;
use crate::config::{Api, InfluxSettings, NamedFile, Secret, TokenSource};
use crate::sinks::Credentials;

/// Most of an answer to a write that is kept, in bytes: 1.x lists every line it cannot parse.
const MAX_ERROR_BODY: usize = 64 << 10;

/// Most of it that is read for the line numbers in it, in bytes: 3.x repeats every line that it refuses.
const MAX_NUMBERS_BODY: usize = 64 << 20;

/// Most time that a connection may take to come about.
const MAX_CONNECT: Duration = Duration::from_secs(10);

/// A connection pool to one server; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    config: Arc<InfluxSettings>,
    /// What the server says that it is.
    found: Arc<Mutex<KnownServer>>,
}

/// What is known of the server.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownServer {
    /// What it said last; `None` before it was asked.
    pub last: Option<Spoken>,
    /// Whether it has to be asked again before the next write.
    pub is_in_doubt: bool,
}

/// Why a server cannot be talked to as configured.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The CA file cannot be read.
    #[error("INFLUXDB_CA_FILE {path}: {source}")]
    ReadCa { path: PathBuf, source: io::Error },
    /// The CA file holds no certificate.
    #[error("INFLUXDB_CA_FILE {path} holds no certificate in PEM")]
    NoCa { path: PathBuf },
    /// The CA file, or the system's certificates, are not usable.
    #[error(
        "TLS cannot be set up: {0} (no CA certificates on the system? Install ca-certificates)"
    )]
    Tls(String),
    /// `INFLUXDB_URL` is no base for a path.
    #[error("INFLUXDB_URL cannot be a base for the write path")]
    Url,
}

impl Client {
    /// A client for the server of `config`; connects to nothing yet.
    ///
    /// # Errors
    /// [`OpenError`]: a CA file that cannot be used, or no TLS.
    pub(super) fn new(config: InfluxSettings) -> Result<Self, OpenError> {
        // Only the first call of a process installs; later ones find a provider, which is all that is wanted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let extra = match &config.ca_file {
            Some(file) => read_ca(file)?,
            None => Vec::new(),
        };
        let http = match builder(&config).tls_certs_merge(extra).build() {
            // The system has no CA certificates; plain http needs none.
            Err(_) if config.url.scheme() == "http" => builder(&config).tls_certs_only([]).build(),
            built => built,
        };
        // Whether there can be any: which one is not known yet.
        url(&config, &["ping"])?;
        Ok(Self {
            http: http.map_err(|error| OpenError::Tls(innermost(&error)))?,
            found: Arc::default(),
            config: Arc::new(config),
        })
    }

    /// Sends `body` to the write path and waits for the whole answer, at most `SHIPPER_REQUEST_TIMEOUT`.
    pub(super) async fn write(&self, body: &Body) -> HttpAnswer {
        match self.try_write(body).await {
            Ok(response) => HttpAnswer::Response(response),
            Err(failure) => HttpAnswer::Failed(failure),
        }
    }

    async fn try_write(&self, body: &Body) -> Result<Response, Failure> {
        let api = self.spoken().await?.api;
        let url =
            write_url(&self.config, api).map_err(|error| Failure::Setting(error.to_string()))?;
        let request = self.http.post(url).body(body.bytes.clone());
        let request = match body.encoding {
            Encoding::Identity => request,
            Encoding::Gzip => request.header(CONTENT_ENCODING, HeaderValue::from_static("gzip")),
        };
        let (mut response, token) = self.begin(request, api).await?;
        let (mut kept, mut numbers, mut read) = (Vec::new(), Numbers::new(), 0);
        while let Some(chunk) = response.chunk().await.map_err(failure)? {
            let room = MAX_ERROR_BODY.saturating_sub(kept.len());
            kept.extend_from_slice(&chunk[..chunk.len().min(room)]);
            read += chunk.len();
            if !numbers.feed(&chunk) || read > MAX_NUMBERS_BODY {
                break;
            }
        }
        Ok(Response {
            numbered: numbers.into_lines(),
            ..whole(&response, &kept, &token)
        })
    }

    /// What the token file holds now; `None` when the token does not come from a file.
    pub(super) fn token_file(&self) -> Option<Credentials> {
        match self.config.token {
            TokenSource::File(_) => Some(Credentials(read_token(&self.config.token).ok())),
            TokenSource::Value(_) => None,
        }
    }

    /// What the server said that it is, if it was asked.
    pub(super) fn found(&self) -> MutexGuard<'_, KnownServer> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn config(&self) -> &InfluxSettings {
        &self.config
    }

    /// GET, to be answered by [`Client::answer`].
    pub(super) fn get(&self, url: Url) -> RequestBuilder {
        self.http.get(url)
    }

    /// POST, to be answered by [`Client::answer`].
    pub(super) fn post(&self, url: Url) -> RequestBuilder {
        self.http.post(url)
    }

    /// Sends `request` with the token, as the API `api` wants it, and reads the answer, its body up to `max_body` bytes.
    pub(super) async fn answer(
        &self,
        request: RequestBuilder,
        api: Api,
        max_body: usize,
    ) -> HttpAnswer {
        match self.send(request, api, max_body).await {
            Ok(response) => HttpAnswer::Response(response),
            Err(failure) => HttpAnswer::Failed(failure),
        }
    }

    async fn send(
        &self,
        request: RequestBuilder,
        api: Api,
        max_body: usize,
    ) -> Result<Response, Failure> {
        let (mut response, token) = self.begin(request, api).await?;
        let body = read_body(&mut response, max_body).await?;
        Ok(whole(&response, &body, &token))
    }

    /// Sends `request` and waits for the head of its answer; gives the token that went with it, which no text may show.
    pub(super) async fn begin(
        &self,
        request: RequestBuilder,
        api: Api,
    ) -> Result<(reqwest::Response, Secret), Failure> {
        let token = read_token(&self.config.token)?;
        let request = authorize(request, api, &token)?;
        Ok((request.send().await.map_err(failure)?, token))
    }
}

pub(super) async fn read_body(
    response: &mut reqwest::Response,
    max_body: usize,
) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failure)? {
        body.extend_from_slice(&chunk);
        if body.len() >= max_body {
            break;
        }
    }
    body.truncate(max_body);
    Ok(body)
}

/// An answer whose body begins with `body`.
pub(super) fn whole(response: &reqwest::Response, body: &[u8], token: &Secret) -> Response {
    Response {
        status: response.status().as_u16(),
        retry_after: retry_after(response.headers()),
        body: token.hidden_in(String::from_utf8_lossy(body).into_owned()),
        numbered: Vec::new(),
    }
}

fn builder(config: &InfluxSettings) -> ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("shipper/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .connect_timeout(config.request_timeout.min(MAX_CONNECT))
        .timeout(config.request_timeout)
}

fn read_ca(file: &NamedFile) -> Result<Vec<Certificate>, OpenError> {
    let pem = file.read().map_err(|source| OpenError::ReadCa {
        path: file.path().to_owned(),
        source,
    })?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(OpenError::NoCa {
            path: file.path().to_owned(),
        }),
    }
}

fn read_token(source: &TokenSource) -> Result<Secret, Failure> {
    match source {
        TokenSource::Value(token) => Ok(token.clone()),
        TokenSource::File(file) => file.read_secret().map_err(|error| {
            let path = file.path().display();
            Failure::Setting(format!("INFLUXDB_TOKEN_FILE {path}: {error}"))
        }),
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    parse_retry_after(value, SystemTime::now())
}
