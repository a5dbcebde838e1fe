//! Kinds of values that only one key has.

use super::kinds::{Parse, ValueKind, list};
use super::raw::Raw;
use super::{OllamaUrl, Secret, ServerUrl};
use crate::record::layout::LogFields;

#[derive(Debug)]
pub(super) struct Address;

impl ValueKind for Address {
    fn accepts(&self) -> String {
        "an http:// or https:// address without user, password, query or fragment, as http://127.0.0.1:8086".to_owned()
    }

    fn shown(&self, text: &str) -> String {
        ServerUrl::shown(text)
    }
}

impl Parse<ServerUrl> for Address {
    fn parse(&self, text: &str, _: &Raw) -> Option<ServerUrl> {
        let url: ServerUrl = text.parse().ok()?;
        let http = matches!(url.scheme(), "http" | "https") && url.has_host();
        (http && url.is_plain()).then_some(url)
    }
}

/// Where Ollama is asked.
#[derive(Debug)]
pub(super) struct OllamaAddress;

impl ValueKind for OllamaAddress {
    fn accepts(&self) -> String {
        "auto, off, or an http:// or https:// address without user, password, query or fragment, as http://127.0.0.1:11434".to_owned()
    }

    fn shown(&self, text: &str) -> String {
        ServerUrl::shown(text)
    }
}

impl Parse<OllamaUrl> for OllamaAddress {
    fn parse(&self, text: &str, raw: &Raw) -> Option<OllamaUrl> {
        match text {
            "auto" => Some(OllamaUrl::Found),
            "off" => Some(OllamaUrl::Off),
            address => Address.parse(address, raw).map(OllamaUrl::At),
        }
    }
}

/// What the server is shown instead of a name.
#[derive(Debug)]
pub(super) struct Token;

impl ValueKind for Token {
    fn accepts(&self) -> String {
        "a token of printable ASCII characters, or for InfluxDB 1.x `user:password`".to_owned()
    }

    fn is_secret(&self) -> bool {
        true
    }
}

impl Parse<Secret> for Token {
    fn parse(&self, text: &str, _: &Raw) -> Option<Secret> {
        // A header value: RFC 9110, section 5.5.
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        printable.then(|| Secret::new(text.to_owned()))
    }
}

/// The tag `host`; the name of this host when the key is absent.
#[derive(Debug)]
pub(super) struct HostName;

impl HostName {
    const LONGEST: usize = 255;
}

impl ValueKind for HostName {
    fn accepts(&self) -> String {
        let longest = Self::LONGEST;
        format!("1 to {longest} bytes without control characters, not ending in a backslash")
    }
}

impl Parse<String> for HostName {
    fn parse(&self, text: &str, _: &Raw) -> Option<String> {
        let fits = (1..=Self::LONGEST).contains(&text.len()) && !text.ends_with('\\');
        (fits && !text.chars().any(char::is_control)).then(|| text.to_owned())
    }

    fn absent(&self, raw: &Raw) -> Option<String> {
        self.parse(gethostname::gethostname().to_str()?, raw)
    }
}

/// Fields of `ollama_logs`.
#[derive(Debug)]
pub(super) struct FieldNames;

type Pick = fn(&mut LogFields) -> &mut bool;

impl FieldNames {
    const OPTIONAL: [(&str, Pick); 3] = [
        ("pid", |fields| &mut fields.pid),
        ("priority", |fields| &mut fields.priority),
        ("unit", |fields| &mut fields.unit),
    ];
}

impl ValueKind for FieldNames {
    fn accepts(&self) -> String {
        let names = list(&Self::OPTIONAL.map(|(name, _)| name), "and");
        format!("message, and any of {names}, separated by commas")
    }
}

impl Parse<LogFields> for FieldNames {
    fn parse(&self, text: &str, _: &Raw) -> Option<LogFields> {
        let mut fields = LogFields::default();
        for name in text
            .split(',')
            .map(str::trim)
            .filter(|name| *name != "message")
        {
            let (_, pick) = Self::OPTIONAL.iter().find(|(known, _)| *known == name)?;
            *pick(&mut fields) = true;
        }
        Some(fields)
    }
}
