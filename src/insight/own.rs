//! Ollama's access log of the shipper's own questions to it.

use super::{gin, scan};

/// What every question carries: with it, Ollama's line about the question is told from those of others.
pub const ASKED_BY: &str = "by=shipper";

/// What is asked.
pub const ASKED_PATHS: [&str; 3] = ["/api/version", "/api/ps", "/api/tags"];

/// Whether `message` is a line of Ollama's access log, whole and well-formed, of one of the shipper's own questions: a GET of one of
/// [`ASKED_PATHS`] with [`ASKED_BY`] and nothing else as its query.
#[must_use]
pub fn is_own_question(message: &[u8]) -> bool {
    let rest = message.strip_prefix(b"[GIN] ");
    let Some(rest) = rest.and_then(|rest| std::str::from_utf8(rest).ok()) else {
        return false;
    };
    let Some((before, _)) = rest.split_once('"') else {
        return false;
    };
    let (method, quoted) = (before.rsplit('|').next(), &rest[before.len()..]);
    let is_asked = |path: &str| {
        let asked = path.split_once('?');
        asked.is_some_and(|(path, query)| ASKED_PATHS.contains(&path) && query == ASKED_BY)
    };
    method.is_some_and(|method| method.trim_matches(' ') == "GET")
        && scan::split_quoted(quoted)
            .is_some_and(|(path, after)| after.is_empty() && is_asked(path))
        && gin::request(rest).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(request: &str) -> String {
        format!("[GIN] 2026/02/25 - 18:14:52 | 200 |      41.125µs |       127.0.0.1 | {request}")
    }

    #[test]
    fn the_three_questions_are_known_by_their_line() {
        for path in ASKED_PATHS {
            let own = line(&format!(r#"GET      "{path}?by=shipper""#));
            assert!(is_own_question(own.as_bytes()), "{own}");
        }
    }

    #[test]
    fn a_line_that_differs_in_anything_is_somebody_elses() {
        for request in [
            r#"GET      "/api/ps""#,
            r#"GET      "/api/ps?by=shipper2""#,
            r#"GET      "/api/ps?by=shipper&x=1""#,
            r#"GET      "/api/ps?x=1&by=shipper""#,
            r#"GET      "/api/ps?by=shipper?by=shipper""#,
            r#"GET      "/api/ps/?by=shipper""#,
            r#"GET      "/api/chat?by=shipper""#,
            r#"GET      "/x/api/ps?by=shipper""#,
            r#"POST     "/api/ps?by=shipper""#,
            r#"HEAD     "/api/tags?by=shipper""#,
            r#"FORGET   "/api/ps?by=shipper""#,
            r#"GET      "/api/ps?by=shipper" "#,
            "GET      \"/api/ps?by=shipper\"\nError #01: x",
            r#"GET      "/api/ps?by=shipper"#,
            r#"GET      "/api/ps\x3fby=shipper""#,
        ] {
            let other = line(request);
            assert!(!is_own_question(other.as_bytes()), "{other}");
        }
        let own = line(r#"GET      "/api/ps?by=shipper""#);
        for other in [
            format!(" {own}"),
            format!("x{own}"),
            own.replace("2026/02/25", "2026/2/25"),
            own.replace("200", "2000"),
            own.replace("41.125µs", "fast"),
            own.replace("127.0.0.1", "somewhere"),
            own.replace("[GIN] ", "[GIN]"),
        ] {
            assert!(!is_own_question(other.as_bytes()), "{other}");
        }
    }
}
