//! [`Secret`]: text that is shown nowhere, and taken out of what others say.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;

/// Text that never appears in output.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text` from [`fmt::Debug`].
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// `text` of somebody who was told the secret, without it. Where it is as short as a word, words would be lost.
    #[must_use]
    pub fn hidden_in(&self, text: String) -> String {
        if text.is_empty() {
            return text;
        }
        let forms = self.forms();
        let is_in = |text: &str| forms.iter().any(|form| text.contains(form));
        let text = match unescaped(&text) {
            Some(plain) if is_in(&plain) => plain,
            _ => text,
        };
        if !is_in(&text) {
            return text;
        }
        forms
            .iter()
            .fold(text, |text, form| text.replace(form, "***"))
    }

    /// What it looks like in what others say: whole or only the password, as it is, in JSON, or in base64 as 1.x gets it (RFC 7617).
    fn forms(&self) -> Vec<String> {
        const SHORTEST: usize = 6;
        let password = self.0.split_once(':').map(|(_, password)| password);
        let parts = std::iter::once(self.0.as_str()).chain(password);
        let forms = parts.filter(|part| part.len() >= SHORTEST).map(|part| {
            let in_json = serde_json::Value::from(part).to_string();
            let in_json = in_json[1..in_json.len() - 1].to_owned();
            [part.to_owned(), in_json, BASE64.encode(part)]
        });
        let mut forms: Vec<String> = forms.flatten().collect();
        // The longest first: a part of it is not to be left.
        forms.sort_unstable_by_key(|form| std::cmp::Reverse(form.len()));
        forms
    }

    /// The text itself, for the one place that must send it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// `text` without the escapes that JSON allows but does not need, if it is JSON with such.
fn unescaped(text: &str) -> Option<String> {
    let has_escapes = text.contains("\\u") || text.contains("\\/");
    let value: serde_json::Value = has_escapes
        .then(|| serde_json::from_str(text).ok())
        .flatten()?;
    Some(value.to_string())
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_taken_out_of_what_others_say() {
        let hidden =
            |secret: &str, text: &str| Secret::new(secret.to_owned()).hidden_in(text.to_owned());
        assert_eq!(hidden("t0k3n-1", "bad: Token t0k3n-1"), "bad: Token ***");
        assert_eq!(hidden("me:s3cret", "user me, p=s3cret"), "user me, p=***");
        assert_eq!(hidden("a", "a database"), "a database");
        assert_eq!(hidden("", "text"), "text");
        for (secret, text) in [
            ("me:s3cret", "you sent Basic bWU6czNjcmV0"),
            ("t0k3n-1", "dDBrM24tMQ=="),
            ("t0k3n/1", r#"{"message":"Token t0k3n\/1 \u0074\u006f"}"#),
            ("t0k3n&1", r#"{"message":"Token t0k3n\u00261"}"#),
            (r#"t0k3n"\1"#, r#"{"message":"Token t0k3n\"\\1"}"#),
        ] {
            let text = hidden(secret, text);
            assert!(text.contains("***"), "{text}");
            assert!(!text.contains("t0k3n"), "{text}");
        }
    }
}
