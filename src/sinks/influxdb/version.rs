//! Which InfluxDB answers, and which of its APIs is spoken to it (pure).

use std::fmt;

use serde_json::Value;

use crate::config::Api;

/// Characters of a version that are kept.
const MAX_VERSION: usize = 40;

/// The server that is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spoken {
    pub api: Api,
    /// What the server says, without the `v` that 2.x puts before it; `None` where it was not asked or does not tell.
    pub version: Option<String>,
}

impl Spoken {
    /// What an answer to `/ping` says: with a header `X-Influxdb-Version: version`, or with its body.
    ///
    /// 1.x and 2.x have the header, 3.x a JSON body. Whatever else answers is spoken to by v2: InfluxDB Cloud, other programs that
    /// take line protocol, and proxies that pass nothing but `/api/v2/write`.
    pub(super) fn by_ping(header: Option<&str>, body: &str) -> Self {
        let known = header
            .and_then(known)
            .or_else(|| known(&json_version(body)?));
        known.unwrap_or(Self {
            api: Api::V2,
            version: None,
        })
    }

    /// The API that is the server's own; the one that is spoken where it tells no version.
    pub(super) fn own_api(&self) -> Api {
        let own = self.version.as_deref().and_then(known);
        own.map_or(self.api, |own| own.api)
    }

    /// Major, minor and patch number of the version; what is missing counts as 0.
    pub(super) fn numbers(&self) -> Option<[u32; 3]> {
        let mut numbers = [0; 3];
        let mut parts = self
            .version
            .as_deref()?
            .split(|c: char| !c.is_ascii_digit());
        for (number, part) in numbers.iter_mut().zip(&mut parts) {
            *number = part.parse().unwrap_or(0);
        }
        Some(numbers)
    }
}

impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "InfluxDB {version}"),
            None => write!(f, "InfluxDB of unknown version"),
        }
    }
}

fn known(version: &str) -> Option<Spoken> {
    let version = version.trim().trim_start_matches('v');
    let (major, _) = version.split_once('.')?;
    let api = match major {
        "0" | "1" => Api::V1,
        "2" => Api::V2,
        "3" => Api::V3,
        _ => return None,
    };
    Some(Spoken {
        api,
        version: Some(version.chars().take(MAX_VERSION).collect()),
    })
}

fn json_version(body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    Some(body["version"].as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoken(header: Option<&str>, body: &str) -> (Api, Option<String>) {
        let spoken = Spoken::by_ping(header, body);
        (spoken.api, spoken.version)
    }

    #[test]
    fn every_major_version_is_known_by_what_it_says() {
        for (header, body, api, version) in [
            (Some("1.6.7~rc0"), "", Api::V1, "1.6.7~rc0"),
            (Some("1.8.10"), "{}", Api::V1, "1.8.10"),
            (Some("0.13.0"), "", Api::V1, "0.13.0"),
            (Some("v2.9.1"), "", Api::V2, "2.9.1"),
            (Some("2.0.0-beta.1"), "", Api::V2, "2.0.0-beta.1"),
            (
                None,
                r#"{"version":"3.6.0","revision":"a","process_id":"b"}"#,
                Api::V3,
                "3.6.0",
            ),
            (Some("3.4.1"), r#"{"version":"3.4.1"}"#, Api::V3, "3.4.1"),
        ] {
            assert_eq!(spoken(header, body), (api, Some(version.to_owned())));
        }
    }

    #[test]
    fn whatever_else_answers_is_spoken_to_by_v2() {
        for (header, body) in [
            (None, ""),
            (None, "<html>"),
            (None, r#"{"version":3}"#),
            (None, r#"{"status":"ok"}"#),
            (Some("dev"), ""),
            (Some("Cloud2"), ""),
            (Some("4.0.0"), ""),
            (Some(""), "[]"),
        ] {
            assert_eq!(spoken(header, body), (Api::V2, None), "{header:?} {body}");
        }
    }

    #[test]
    fn versions_have_three_numbers() {
        let numbers = |version: &str| known(version).and_then(|spoken| spoken.numbers());
        assert_eq!(numbers("v2.9.1"), Some([2, 9, 1]));
        assert_eq!(numbers("3.10.0-nightly.2"), Some([3, 10, 0]));
        assert_eq!(numbers("1.6"), Some([1, 6, 0]));
    }
}
