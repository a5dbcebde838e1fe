//! Where Ollama is asked.

use std::net::IpAddr;

use crate::config::{OllamaUrl, ServerUrl};
use crate::sources::unit::UnitFacts;

/// Ollama's port unless told otherwise.
const PORT: u16 = 11434;

/// Where to ask as `setting` says; with [`OllamaUrl::Found`], where the first of `units` has Ollama listen. `None` is nowhere.
#[must_use]
pub fn address(setting: &OllamaUrl, units: &[String]) -> Option<ServerUrl> {
    match setting {
        OllamaUrl::Off => None,
        OllamaUrl::At(url) => Some(url.clone()),
        OllamaUrl::Found => {
            let host = units.first().and_then(|unit| UnitFacts::ask(unit).host);
            from_ollama_host(host.as_deref().unwrap_or_default())
        }
    }
}

/// Where a server listens whose `OLLAMA_HOST` is `value`, as Ollama reads it (`envconfig.Host`): the scheme decides the port that is
/// meant when none is given, and nothing else, since the server itself speaks plain HTTP. One that listens everywhere is asked on this
/// host.
#[must_use]
pub fn from_ollama_host(value: &str) -> Option<ServerUrl> {
    let quotes = ['"', '\''];
    let value = value.trim().trim_matches(quotes).trim();
    let (rest, default) = match value.split_once("://") {
        Some(("http", rest)) => (rest, 80),
        Some(("https", rest)) => (rest, 443),
        Some((_, rest)) => (rest, PORT),
        None => (value, PORT),
    };
    let listens = rest.split('/').next().unwrap_or_default();
    let (host, port) = split_port(listens);
    let port = port.map_or(default, |port| port.parse().unwrap_or(default));
    let host = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) if ip.is_unspecified() => "127.0.0.1".to_owned(),
        Ok(IpAddr::V6(ip)) if ip.is_unspecified() => "[::1]".to_owned(),
        Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
        _ if host.is_empty() => "127.0.0.1".to_owned(),
        _ => host.to_owned(),
    };
    let url: ServerUrl = format!("http://{host}:{port}").parse().ok()?;
    // A name with anything else in it would make another address of it.
    (url.has_host() && url.path() == "/" && url.is_plain()).then_some(url)
}

/// Host and port as Go's `net.SplitHostPort` takes them apart; without a port where it finds none.
fn split_port(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((host, port)) if host.ends_with(']') || !host.contains(':') => (host, Some(port)),
        _ => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ollama_is_asked_where_its_host_has_it_listen() {
        for (value, expected) in [
            ("", "http://127.0.0.1:11434/"),
            ("0.0.0.0", "http://127.0.0.1:11434/"),
            ("0.0.0.0:8080", "http://127.0.0.1:8080/"),
            (":8080", "http://127.0.0.1:8080/"),
            ("::", "http://[::1]:11434/"),
            ("[::]:11435", "http://[::1]:11435/"),
            ("[::1]", "http://[::1]:11434/"),
            ("[::1", "http://[::1]:11434/"),
            ("::1", "http://[::1]:11434/"),
            ("[fd00::7]:99", "http://[fd00::7]:99/"),
            ("192.0.2.7", "http://192.0.2.7:11434/"),
            ("gpu-1.example", "http://gpu-1.example:11434/"),
            (" \"127.0.0.1:11500\" ", "http://127.0.0.1:11500/"),
            ("http://192.0.2.7", "http://192.0.2.7/"),
            ("http://192.0.2.7:11434/path", "http://192.0.2.7:11434/"),
            ("https://gpu.example", "http://gpu.example:443/"),
            ("tcp://192.0.2.7", "http://192.0.2.7:11434/"),
            ("127.0.0.1:", "http://127.0.0.1:11434/"),
            ("127.0.0.1:99999", "http://127.0.0.1:11434/"),
            ("127.0.0.1:port", "http://127.0.0.1:11434/"),
            ("http://", "http://127.0.0.1/"),
        ] {
            let url = from_ollama_host(value).unwrap();
            assert_eq!(url.as_str(), expected, "{value:?}");
        }
    }

    #[test]
    fn what_is_no_host_is_no_address() {
        for value in ["a b", "user@192.0.2.7", "host?x=1", "host#x", "ho\nst x"] {
            assert_eq!(
                from_ollama_host(value).map(|url| url.to_string()),
                None,
                "{value:?}"
            );
        }
    }
}
