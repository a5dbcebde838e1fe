//! [`ServerUrl`]: an address that shows no secret.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use reqwest::Url;

/// Where a server listens. Whatever shows it leaves out user, password, query and fragment, in which secrets travel.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl(Url);

impl ServerUrl {
    /// Whether it has nothing that is not shown.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.0.as_str() == Self::shown(self.0.as_str())
    }

    /// Whether what is sent there stays on this host.
    #[must_use]
    pub fn is_this_host(&self) -> bool {
        match self.0.host_str() {
            Some("localhost") => true,
            Some(host) => {
                let ip = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
                ip.is_ok_and(|ip| ip.to_canonical().is_loopback())
            }
            None => false,
        }
    }

    /// `text` that was meant to be one, as far as it may be shown.
    #[must_use]
    pub fn shown(text: &str) -> String {
        let end = text.find(['?', '#']).unwrap_or(text.len());
        let (plain, has_more) = (&text[..end], end < text.len());
        // A password may hold what begins a query, so that the parts of the text do not tell where it ends.
        let user = text.rfind('@').map(|at| (at, plain.find("://")));
        let plain = match user {
            None => plain.to_owned(),
            Some((at, scheme)) => {
                let scheme = scheme.map_or("", |scheme| &plain[..scheme + 3]);
                let rest = plain.get(at + 1..).unwrap_or_default();
                format!("{scheme}***@{rest}")
            }
        };
        if has_more { plain + "?***" } else { plain }
    }
}

impl Deref for ServerUrl {
    type Target = Url;

    fn deref(&self) -> &Url {
        &self.0
    }
}

impl FromStr for ServerUrl {
    type Err = <Url as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Self::shown(self.0.as_str()))
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_of_an_address_is_shown() {
        for (text, shown) in [
            ("http://h:8086/x", "http://h:8086/x"),
            ("http://h:8086/?u=s3cret&p=s3cret", "http://h:8086/?***"),
            ("http://h/x#s3cret", "http://h/x?***"),
            ("http://u:s3cret@h/x", "http://***@h/x"),
            ("http://s3cret@h/?p=s3cret", "http://***@h/?***"),
            ("http://u:s3?cret@h/x", "http://***@?***"),
            ("u:s3cret@h", "***@h"),
            ("h:8086?p=s3cret", "h:8086?***"),
            ("http://[::1", "http://[::1"),
            ("http://h/?x=s3cret@y", "http://***@?***"),
        ] {
            assert_eq!(ServerUrl::shown(text), shown);
            if let Ok(url) = text.parse::<ServerUrl>() {
                let told = format!("{url} {url:?}");
                assert!(!told.contains("s3cret"), "{told}");
                assert_eq!(url.is_plain(), !text.contains("s3"), "{text}");
            }
        }
    }

    #[test]
    fn this_host_is_known_by_its_names() {
        for (text, is_this_host) in [
            ("http://127.0.0.1:8086", true),
            ("http://127.1.2.3", true),
            ("http://localhost:8086", true),
            ("http://[::1]:8086", true),
            ("http://[::ffff:127.0.0.1]", true),
            ("http://10.0.0.1", false),
            ("http://localhost.example.org", false),
        ] {
            assert_eq!(
                text.parse::<ServerUrl>().unwrap().is_this_host(),
                is_this_host,
                "{text}"
            );
        }
    }
}
