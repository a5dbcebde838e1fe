//! A request that has arrived whole, and an answer to it.

use std::collections::HashMap;
use std::io::Read as _;
use std::time::Duration;

use flate2::read::GzDecoder;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName};

use crate::parameters::parameters;

/// A request.
pub(super) struct Ask {
    /// `GET`.
    pub(super) method: String,
    pub(super) path: String,
    /// What stands after the `?`, as it came.
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Why a body cannot be unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packed {
    /// It is no gzip.
    Wrong,
    /// It ends too early.
    Cut,
}

impl Ask {
    /// A POST of `body` to `path?query` with a token.
    pub(super) fn post(path: &str, query: &str, token: &str, body: &str) -> Self {
        let authorization = format!("Token {token}").parse().expect("a token of tests");
        Self {
            method: "POST".to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: HeaderMap::from_iter([(AUTHORIZATION, authorization)]),
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    /// Method and path.
    pub(super) fn target(&self) -> (&str, &str) {
        (&self.method, &self.path)
    }

    /// The parameters of the query, and of the body if that is a form.
    pub(super) fn parameters(&self) -> HashMap<String, String> {
        let mut found = parameters(&self.query);
        if self.header(CONTENT_TYPE) == Some("application/x-www-form-urlencoded") {
            found.extend(parameters(&self.text()));
        }
        found
    }

    pub(super) fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(super) fn authorization(&self) -> Option<&str> {
        self.header(AUTHORIZATION)
    }

    /// The body as it came.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body, unpacked.
    pub(super) fn unpacked(&self) -> Result<Vec<u8>, Packed> {
        if self.header(CONTENT_ENCODING) != Some("gzip") {
            return Ok(self.body.to_vec());
        }
        const MAGIC: &[u8] = &[0x1f, 0x8b];
        if !self.body.starts_with(MAGIC) {
            return Err(Packed::Wrong);
        }
        let mut text = Vec::new();
        let read = GzDecoder::new(&self.body[..]).read_to_end(&mut text);
        read.map(|_| text).map_err(|_| Packed::Cut)
    }
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// How long it takes until it is given, while others are answered.
    pub(super) after: Duration,
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

impl Told {
    pub(super) fn empty(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    pub(super) fn plain(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            headers: vec![("Content-Type", "text/plain; charset=utf-8".to_owned())],
            body: body.into(),
            ..Self::default()
        }
    }

    pub(super) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self {
            status,
            headers: vec![("Content-Type", "application/json".to_owned())],
            body: body.to_string(),
            ..Self::default()
        }
    }
}

/// A user and a password of `Authorization: Basic`, which has one colon.
pub(super) fn basic(encoded: &str) -> Option<(String, String)> {
    let mut bits = 0_u32;
    let mut held = 0;
    let mut bytes = Vec::new();
    for digit in encoded.bytes().filter(|&byte| byte != b'=') {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    let text = String::from_utf8(bytes).ok()?;
    let (user, password) = text.split_once(':')?;
    if password.contains(':') {
        return None;
    }
    Some((user.to_owned(), password.to_owned()))
}
