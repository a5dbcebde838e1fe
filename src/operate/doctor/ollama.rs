//! Whether Ollama answers where it is asked.

use std::time::Duration;

use super::Finding;
use crate::config::{Config, OllamaUrl};
use crate::sources::ollama_api::{self, NoAnswer};

const CHECK: &str = "ollama";

/// Asks it for its version.
pub(crate) async fn check(config: &Config) -> Finding {
    if config.ollama == OllamaUrl::Off {
        return Finding::pass(CHECK, "it is not asked: SHIPPER_OLLAMA_URL=off");
    }
    let units = config.journal.units.names();
    let Some(url) = ollama_api::address(&config.ollama, units) else {
        let found = "OLLAMA_HOST of the unit's environment is no address";
        return Finding::warn(CHECK, found, "correct it there, or set SHIPPER_OLLAMA_URL");
    };
    let shown = url.to_string();
    judge(&shown, ollama_api::version_at(url).await)
}

/// From what was answered at `url` to a verdict.
fn judge(url: &str, answer: Result<(String, Duration), NoAnswer>) -> Finding {
    let error = match answer {
        Ok((version, time)) => {
            let time = time.as_millis();
            return Finding::pass(CHECK, format!("{version} answers at {url} in {time} ms"));
        }
        Err(error) => error,
    };
    let fix = match error {
        NoAnswer::Refused => {
            "start Ollama; set SHIPPER_OLLAMA_URL to where it listens, or to off if it is not to be asked"
        }
        NoAnswer::Late => {
            "see whether `curl` gets an answer there: Ollama hangs, or something on the way to it does"
        }
        NoAnswer::Status(_) | NoAnswer::TooLong(_) | NoAnswer::Foreign(_) => {
            "something else listens there, or stands in front of Ollama: set SHIPPER_OLLAMA_URL to Ollama itself"
        }
        NoAnswer::Unreachable(_) => {
            "check SHIPPER_OLLAMA_URL, the name in it, and the way there; IPAddressAllow= of the shipper's unit, if it is set"
        }
    };
    Finding::warn(CHECK, format!("at {url}: {error}"), fix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::doctor::Grade;

    #[test]
    fn each_failure_says_what_is_wrong_and_what_fixes_it() {
        let url = "http://127.0.0.1:11434/";
        for (error, found, fix) in [
            (NoAnswer::Refused, "nobody listens", "start Ollama"),
            (NoAnswer::Late, "within 5 s", "hangs"),
            (NoAnswer::Status(302), "status 302", "something else"),
            (
                NoAnswer::Foreign("/api/version"),
                "not one of Ollama's",
                "something else",
            ),
            (
                NoAnswer::Unreachable("no route".to_owned()),
                "no route",
                "the way there",
            ),
        ] {
            let finding = judge(url, Err(error));
            assert_eq!(finding.grade, Grade::Warn);
            assert!(finding.found.contains(url) && finding.found.contains(found));
            assert!(finding.fix.unwrap().contains(fix));
        }
        let up = judge(url, Ok(("0.24.0".to_owned(), Duration::from_millis(3))));
        assert_eq!(
            up.found,
            "0.24.0 answers at http://127.0.0.1:11434/ in 3 ms"
        );
    }
}
