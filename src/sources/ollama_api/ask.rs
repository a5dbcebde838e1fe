//! Questions to Ollama over HTTP: each has a time and a size at most. No proxy of the environment is used, no redirect followed, and nothing
//! sent but the question.

use std::error::Error as _;
use std::io;
use std::time::{Duration, Instant};

use reqwest::{Url, redirect};

use crate::base::stop::Stop;
use crate::config::ServerUrl;
use crate::insight::ASKED_BY;

/// The longest time from a question to the end of its answer.
pub(super) const DEADLINE: Duration = Duration::from_secs(5);

/// Why an answer is none. The words stay the same while the reason does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// The port is closed: there is no server.
    #[error("nobody listens there")]
    Refused,
    #[error("no whole answer within {} s", DEADLINE.as_secs())]
    Late,
    #[error("it answers with status {0}")]
    Status(u16),
    #[error("its answer is longer than {0} bytes")]
    TooLong(usize),
    #[error("its answer to {0} is not one of Ollama's")]
    Foreign(&'static str),
    /// Anything else of the network, in the words of the system.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
}

/// Asks one server. Each question has a connection of its own: none is left open between rounds.
#[derive(Debug)]
pub(super) struct Asker {
    http: reqwest::Client,
    base: ServerUrl,
}

impl Asker {
    pub(super) fn new(base: ServerUrl) -> Result<Self, NoAnswer> {
        // Only the first call of a process installs; later ones find a provider, which is all that is wanted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder()
            .user_agent(concat!("shipper/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .timeout(DEADLINE);
        let builder = match base.scheme() {
            "http" => builder.tls_certs_only([]),
            _ => builder,
        };
        let http = builder.build().map_err(|error| no_answer(&error))?;
        Ok(Self { http, base })
    }

    /// The whole answer to a question for `path`, of `most` bytes at most, and how long it took.
    pub(super) async fn get(
        &self,
        path: &'static str,
        most: usize,
    ) -> Result<(Vec<u8>, Duration), NoAnswer> {
        let url = question(&self.base, path)
            .ok_or_else(|| NoAnswer::Unreachable("it is no address of a server".to_owned()))?;
        let asked = Instant::now();
        let mut answer = self
            .http
            .get(url)
            .send()
            .await
            .map_err(|error| no_answer(&error))?;
        let status = answer.status().as_u16();
        if status != 200 {
            return Err(NoAnswer::Status(status));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| no_answer(&error))? {
            if body.len() + chunk.len() > most {
                return Err(NoAnswer::TooLong(most));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((body, asked.elapsed()))
    }
}

/// `path` below `base`, with the mark of the shipper's own questions.
fn question(base: &Url, path: &str) -> Option<Url> {
    let mut url = base.clone();
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    url.path_segments_mut()
        .ok()?
        .pop_if_empty()
        .extend(segments);
    url.set_query(Some(ASKED_BY));
    Some(url)
}

fn no_answer(error: &reqwest::Error) -> NoAnswer {
    if error.is_timeout() {
        return NoAnswer::Late;
    }
    let mut cause = error.source();
    let mut words = None;
    while let Some(deeper) = cause {
        let io = deeper.downcast_ref::<io::Error>();
        if io.is_some_and(|io| io.kind() == io::ErrorKind::ConnectionRefused) {
            return NoAnswer::Refused;
        }
        words = Some(deeper.to_string());
        cause = deeper.source();
    }
    NoAnswer::Unreachable(words.unwrap_or_else(|| "the request failed".to_owned()))
}

/// Waits for `asking` on a thread that may block; `None` when stopped meanwhile. A name that is still being looked up is left to itself.
pub(super) fn until_stopped<T>(
    stop: &Stop,
    asking: impl Future<Output = T>,
) -> io::Result<Option<T>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let answered = runtime.block_on(async {
        tokio::select! {
            biased;
            answered = asking => Some(answered),
            () = stop.triggered() => None,
        }
    });
    runtime.shutdown_background();
    Ok(answered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_below_the_address_and_carry_who_asks() {
        for (base, expected) in [
            (
                "http://127.0.0.1:11434",
                "http://127.0.0.1:11434/api/ps?by=shipper",
            ),
            ("https://h/ollama/", "https://h/ollama/api/ps?by=shipper"),
        ] {
            let url = question(&base.parse().unwrap(), "/api/ps").unwrap();
            assert_eq!(url.as_str(), expected);
        }
    }
}
