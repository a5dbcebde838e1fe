//! One POST, one [`Answer`]: the only place that speaks HTTP to InfluxDB's write path.
//!
//! Redirects are not followed (a captive portal's would end in a 200), the system's proxies are used, and neither
//! token nor URL ever reaches an error text.

use std::error::Error as StdError;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use std::{fs, io};

use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, ClientBuilder, RequestBuilder, Url, redirect};

use super::outcome::{Answer, Failure, Response};
use crate::config::{Api, Influx, Secret, TokenSource};
use crate::retry::parse_retry_after;

/// Most of an error body that is read, in bytes: 1.x lists every line it cannot parse.
const MAX_BODY: usize = 64 * 1024;

/// Most time that a connection may take to come about.
const MAX_CONNECT: Duration = Duration::from_secs(10);

/// A connection pool to one server; cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    config: Arc<Influx>,
    write: Url,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The CA file cannot be read.
    #[error("INFLUXDB_CA_FILE {path}: {source}")]
    ReadCa {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The CA file holds no certificate.
    #[error("INFLUXDB_CA_FILE {path} holds no certificate in PEM")]
    NoCa {
        /// Its path.
        path: PathBuf,
    },
    /// The CA file, or the system's certificates, are not usable.
    #[error("TLS cannot be set up: {0} (no CA certificates on the system? Install ca-certificates)")]
    Tls(String),
    /// `INFLUXDB_URL` is no base for a path.
    #[error("INFLUXDB_URL cannot be a base for the write path")]
    Url,
}

/// What a POST carries.
#[derive(Clone, Debug)]
pub struct Body {
    /// Line protocol, compressed or not.
    pub bytes: reqwest::Body2,
    /// Whether it went through gzip.
    pub encoding: Encoding,
}
