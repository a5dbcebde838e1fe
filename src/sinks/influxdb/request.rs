//! Where requests go and what they carry, by the API that is spoken (pure).

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{RequestBuilder, Url};

use super::answer::Failure;
use super::client::OpenError;
use super::version::Spoken;
use crate::config::{Api, InfluxSettings, Secret, TokenSource};

/// `path` below the URL of `config`.
pub(super) fn url(config: &InfluxSettings, path: &[&str]) -> Result<Url, OpenError> {
    let mut url = Url::clone(&config.url);
    url.path_segments_mut()
        .map_err(|()| OpenError::Url)?
        .pop_if_empty()
        .extend(path);
    Ok(url)
}

/// Where lines are written: of 3.x those that are good, whatever others are there.
pub(super) fn write_url(config: &InfluxSettings, api: Api) -> Result<Url, OpenError> {
    let mut url = lines_url(config, api)?;
    if api == Api::V3 {
        url.query_pairs_mut().append_pair("accept_partial", "true");
    }
    Ok(url)
}

/// The same, and of 3.x it is not said what becomes of good lines among bad ones.
pub(super) fn lines_url(config: &InfluxSettings, api: Api) -> Result<Url, OpenError> {
    let mut url = match api {
        Api::V1 => url(config, &["write"])?,
        Api::V2 => url(config, &["api", "v2", "write"])?,
        Api::V3 => url(config, &["api", "v3", "write_lp"])?,
    };
    let mut query = url.query_pairs_mut();
    match (api, config.bucket.split_once('/')) {
        (Api::V1, Some((database, policy))) => {
            query.append_pair("db", database).append_pair("rp", policy)
        }
        (Api::V1 | Api::V3, _) => query.append_pair("db", &config.bucket),
        (Api::V2, _) => query
            .append_pair("org", &config.org)
            .append_pair("bucket", &config.bucket),
    };
    let precision = match api {
        Api::V1 | Api::V2 => "ns",
        Api::V3 => "nanosecond",
    };
    query.append_pair("precision", precision);
    drop(query);
    Ok(url)
}

/// 1.x: `user:password`. 2.x and 3.x: a token. Nothing where there is none, since the server may ask for none.
pub(super) fn authorize(
    request: RequestBuilder,
    api: Api,
    token: &Secret,
) -> Result<RequestBuilder, Failure> {
    let (scheme, token) = match (api, token.reveal()) {
        (_, "") => return Ok(request),
        (Api::V1, token) => {
            let (user, password) = token.split_once(':').unwrap_or((token, ""));
            return Ok(request.basic_auth(user, Some(password)));
        }
        (Api::V2, token) => ("Token", token),
        (Api::V3, token) => ("Bearer", token),
    };
    let mut value = HeaderValue::try_from(format!("{scheme} {token}")).map_err(|_| {
        Failure::Setting("INFLUXDB_TOKEN has a character that HTTP does not allow".to_owned())
    })?;
    value.set_sensitive(true);
    Ok(request.header(AUTHORIZATION, value))
}

/// The key that is missing for `spoken`, and what to do.
pub(super) fn missing_key(config: &InfluxSettings, spoken: &Spoken) -> Option<String> {
    let has_token = match &config.token {
        TokenSource::File(_) => true,
        TokenSource::Value(token) => !token.reveal().is_empty(),
    };
    let key = match spoken.api {
        Api::V2 if !has_token => "INFLUXDB_TOKEN",
        Api::V2 if config.org.is_empty() => "INFLUXDB_ORG",
        Api::V1 | Api::V2 | Api::V3 => return None,
    };
    let api = match spoken.version {
        Some(_) => "",
        None => " by its v2 API, which is assumed where /ping tells no version",
    };
    Some(format!(
        "{key} is not set, and {spoken} is written to with it{api}: set it, or INFLUXDB_API if the server is another one"
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::client::Client;
    use super::*;

    fn config(api: Api, url: &str, bucket: &str) -> InfluxSettings {
        InfluxSettings {
            url: url.parse().unwrap(),
            token: TokenSource::Value(Secret::new("s3cr:et".to_owned())),
            org: "my org".to_owned(),
            bucket: bucket.to_owned(),
            api: Some(api),
            ca_file: None,
            request_timeout: Duration::from_secs(1),
            gzip: true,
        }
    }

    fn target() -> Url {
        "http://h:1/".parse().unwrap()
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
                Api::V3,
                "http://h:1/x",
                "b c",
                "http://h:1/x/api/v3/write_lp?db=b+c&precision=nanosecond&accept_partial=true",
            ),
            (
                Api::V1,
                "http://h:1/x/",
                "db/rp",
                "http://h:1/x/write?db=db&rp=rp&precision=ns",
            ),
        ] {
            let url = write_url(&config(api, url, bucket), api).unwrap();
            assert_eq!(url.as_str(), expected);
        }
    }

    #[test]
    fn the_token_is_in_no_debug_output() {
        let client = Client::new(config(Api::V2, "http://h:1/", "b")).unwrap();
        let token = Secret::new("s3cr:et".to_owned());
        let request = authorize(client.get(target()), Api::V2, &token);
        let debug = format!("{client:?} {token:?} {:?}", request.unwrap());
        assert!(!debug.contains("s3cr"), "{debug}");
    }

    #[test]
    fn a_token_that_http_cannot_carry_is_a_failure_that_does_not_show_it() {
        let client = Client::new(config(Api::V2, "http://h:1/", "b")).unwrap();
        let request = client.get(target());
        let failure = authorize(request, Api::V2, &Secret::new("s3cr\net".to_owned())).unwrap_err();
        assert!(!format!("{failure:?}").contains("s3cr"));
    }
}
