//! One POST, one [`HttpAnswer`]: the only place that speaks HTTP to InfluxDB's write path.
//!
//! Redirects are not followed (a captive portal's would end in a 200), the system's proxies are used, and neither
//! token nor URL ever reaches an error text.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, ClientBuilder, RequestBuilder, Url, redirect};

use super::answer::{Failure, HttpAnswer, Response};
use super::body::{Body, Encoding};
use super::failure::{failure, innermost};
use crate::base::retry::parse_retry_after;
use crate::config::{Api, InfluxSettings, NamedFile, Secret, TokenSource};
use crate::sinks::Credentials;

/// Most of an error body that is read, in bytes: 1.x lists every line it cannot parse.
const MAX_ERROR_BODY: usize = 64 * 1024;

/// Most time that a connection may take to come about.
const MAX_CONNECT: Duration = Duration::from_secs(10);

/// A connection pool to one server; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    config: Arc<InfluxSettings>,
    write: Url,
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
        Ok(Self {
            http: http.map_err(|error| OpenError::Tls(innermost(&error)))?,
            write: write_url(&config)?,
            config: Arc::new(config),
        })
    }

    /// Sends `body` to the write path and waits for the whole answer, at most `SHIPPER_REQUEST_TIMEOUT`.
    pub(super) async fn write(&self, body: &Body) -> HttpAnswer {
        let request = self.http.post(self.write.clone()).body(body.bytes.clone());
        let request = match body.encoding {
            Encoding::Identity => request,
            Encoding::Gzip => request.header(CONTENT_ENCODING, HeaderValue::from_static("gzip")),
        };
        self.answer(request, MAX_ERROR_BODY).await
    }

    /// What the token file holds now; `None` when the token does not come from a file.
    pub(super) fn token_file(&self) -> Option<Credentials> {
        match self.config.token {
            TokenSource::File(_) => Some(Credentials(read_token(&self.config.token).ok())),
            TokenSource::Value(_) => None,
        }
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

    /// Sends `request` with the token and reads the answer, its body up to `max_body` bytes.
    pub(super) async fn answer(&self, request: RequestBuilder, max_body: usize) -> HttpAnswer {
        match self.send(request, max_body).await {
            Ok(response) => HttpAnswer::Response(response),
            Err(failure) => HttpAnswer::Failed(failure),
        }
    }

    async fn send(&self, request: RequestBuilder, max_body: usize) -> Result<Response, Failure> {
        let token = read_token(&self.config.token)?;
        let request = authorize(request, self.config.api, &token)?;
        let mut response = request.send().await.map_err(failure)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failure)? {
            body.extend_from_slice(&chunk);
            if body.len() >= max_body {
                break;
            }
        }
        body.truncate(max_body);
        Ok(Response {
            status: response.status().as_u16(),
            retry_after: retry_after(response.headers()),
            body: String::from_utf8_lossy(&body).into_owned(),
        })
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

/// `path` below the URL of `config`.
pub(super) fn url(config: &InfluxSettings, path: &[&str]) -> Result<Url, OpenError> {
    let mut url = config.url.clone();
    url.path_segments_mut()
        .map_err(|()| OpenError::Url)?
        .pop_if_empty()
        .extend(path);
    Ok(url)
}

fn write_url(config: &InfluxSettings) -> Result<Url, OpenError> {
    let mut url = match config.api {
        Api::V1 => url(config, &["write"])?,
        Api::V2 => url(config, &["api", "v2", "write"])?,
    };
    let mut query = url.query_pairs_mut();
    match (config.api, config.bucket.split_once('/')) {
        (Api::V1, Some((database, policy))) => {
            query.append_pair("db", database).append_pair("rp", policy)
        }
        (Api::V1, None) => query.append_pair("db", &config.bucket),
        (Api::V2, _) => query
            .append_pair("org", &config.org)
            .append_pair("bucket", &config.bucket),
    };
    query.append_pair("precision", "ns");
    drop(query);
    Ok(url)
}

fn read_token(source: &TokenSource) -> Result<Secret, Failure> {
    match source {
        TokenSource::Value(token) => Ok(token.clone()),
        TokenSource::File(file) => file.read_secret().map_err(|error| {
            let path = file.path().display();
            Failure::Token(format!("INFLUXDB_TOKEN_FILE {path}: {error}"))
        }),
    }
}

/// 2.x: a token. 1.x: `user:password`, or nothing when the server asks for none.
fn authorize(request: RequestBuilder, api: Api, token: &Secret) -> Result<RequestBuilder, Failure> {
    match (api, token.reveal()) {
        (Api::V1, "") => Ok(request),
        (Api::V1, token) => {
            let (user, password) = token.split_once(':').unwrap_or((token, ""));
            Ok(request.basic_auth(user, Some(password)))
        }
        (Api::V2, token) => {
            let mut value = HeaderValue::try_from(format!("Token {token}")).map_err(|_| {
                Failure::Token("INFLUXDB_TOKEN has a character that HTTP does not allow".to_owned())
            })?;
            value.set_sensitive(true);
            Ok(request.header(AUTHORIZATION, value))
        }
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    parse_retry_after(value, SystemTime::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(api: Api, url: &str, bucket: &str) -> InfluxSettings {
        InfluxSettings {
            url: url.parse().unwrap(),
            token: TokenSource::Value(Secret::new("s3cr:et".to_owned())),
            org: "my org".to_owned(),
            bucket: bucket.to_owned(),
            api,
            ca_file: None,
            request_timeout: Duration::from_secs(1),
            gzip: true,
        }
    }

    #[test]
    fn the_write_path_is_below_the_given_url() {
        for (api, url, bucket, expected) in [
            (
                Api::V2,
                "http://h:1/",
                "b/c",
                "http://h:1/api/v2/write?org=my+org&bucket=b%2Fc&precision=ns",
            ),
            (
                Api::V2,
                "https://h/influx",
                "b",
                "https://h/influx/api/v2/write?org=my+org&bucket=b&precision=ns",
            ),
            (
                Api::V1,
                "http://h:1",
                "db",
                "http://h:1/write?db=db&precision=ns",
            ),
            (
                Api::V1,
                "http://h:1/x/",
                "db/rp",
                "http://h:1/x/write?db=db&rp=rp&precision=ns",
            ),
        ] {
            let url = write_url(&config(api, url, bucket)).unwrap();
            assert_eq!(url.as_str(), expected);
        }
    }

    #[test]
    fn the_token_is_in_no_debug_output() {
        let client = Client::new(config(Api::V2, "http://h:1/", "b")).unwrap();
        let token = read_token(&client.config.token).unwrap();
        let request = authorize(client.get(client.write.clone()), Api::V2, &token);
        let debug = format!("{client:?} {token:?} {:?}", request.unwrap());
        assert!(!debug.contains("s3cr"), "{debug}");
    }

    #[test]
    fn a_token_that_http_cannot_carry_is_a_failure_that_does_not_show_it() {
        let client = Client::new(config(Api::V2, "http://h:1/", "b")).unwrap();
        let request = client.get(client.write.clone());
        let failure = authorize(request, Api::V2, &Secret::new("s3cr\net".to_owned())).unwrap_err();
        assert!(!format!("{failure:?}").contains("s3cr"));
    }
}
