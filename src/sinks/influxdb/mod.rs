//! InfluxDB 1.x, 2.x and 3.x: lines out, one named [`Outcome`](super::Outcome) back.
//!
//! Read `line_protocol` (what a record looks like there), `answer` (what an answer means: `reason` reads its body, `words` tells
//! the server's words from a line's, `known` is the table of what is known), then `client` (the only place that does I/O) and what
//! it is asked beside writing: `query` (what the server holds) and `check` (what has to be right).

mod answer;
mod body;
mod called;
mod check;
mod client;
mod deletes;
mod encoders;
mod failure;
mod known;
pub(crate) mod line_protocol;
mod marks;
mod points;
mod probe;
mod query;
mod reason;
mod text;
mod words;

use std::ops::Range;
use std::time::Duration;

use spool::Records;

use super::{BodyLine, ByHour, Checked, CountError, Credentials, Encoded, Form, Sent, Sink};
use crate::config::{Config, InfluxSettings};
pub use answer::{HttpAnswer, Response, decide};
use body::{Body, Encoding, Packer};
use client::Client;
pub use client::OpenError;
pub use deletes::deletes;
pub use encoders::{Encoders, Unreadable};
pub use line_protocol::Encoder;

/// One bucket or database of one server.
#[derive(Debug)]
pub struct InfluxDb {
    client: Client,
    packer: Packer,
}

impl InfluxDb {
    /// The server of `config`; connects to nothing yet.
    ///
    /// # Errors
    /// [`OpenError`]: a CA file that cannot be used, or no TLS.
    pub fn open(config: &InfluxSettings) -> Result<Self, OpenError> {
        let encoding = if config.gzip {
            Encoding::Gzip
        } else {
            Encoding::Identity
        };
        Ok(Self {
            client: Client::new(config.clone())?,
            packer: Packer::new(encoding),
        })
    }
}

impl Sink for InfluxDb {
    type Body = Body;

    fn encode(
        &self,
        records: &Records,
        places: &[usize],
        form: Form,
        limit: usize,
    ) -> Encoded<Body> {
        self.packer.pack(records, places, form, limit)
    }

    fn lines(&self, records: &Records, places: &[usize], form: Form) -> Vec<BodyLine> {
        Encoders::new(form).lines(records, places)
    }

    async fn send(&self, body: &Body) -> Sent {
        let answer = self.client.write(body).await;
        Sent {
            outcome: decide(&answer),
            is_answered: matches!(answer, HttpAnswer::Response(_)),
        }
    }

    fn credentials(&self) -> Option<Credentials> {
        self.client.token_file()
    }

    async fn keeps(&self) -> Option<Duration> {
        probe::retention(&self.client).await.ok().flatten()
    }

    async fn count_by_hour(&self, host: &str, range: Range<u64>) -> Result<ByHour, CountError> {
        let counted = query::points_by_hour(&self.client, host, range).await;
        counted.map_err(|error| CountError(error.to_string()))
    }

    async fn check(config: &Config, oldest: Duration) -> Checked {
        check::check(config, oldest).await
    }
}
