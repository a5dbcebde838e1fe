//! InfluxDB 1.x, 2.x and 3.x: lines out, one named [`Outcome`] back.
//!
//! Read `line_protocol` (what a record looks like there), `answer` (what an answer means: `reason` reads its body, `words` tells
//! the server's words from a line's, `known` is the table of what is known), then `client` (the only place that does I/O) and what
//! it is asked beside writing: `greeting` (what the server is), `query` (what it holds) and `check` (what has to be right).

mod advice;
mod answer;
mod body;
mod called;
mod check;
mod client;
mod deletes;
mod encoders;
mod failure;
mod greeting;
mod json;
mod known;
pub(crate) mod line_protocol;
mod marks;
mod numbers;
mod points;
mod probe;
mod query;
mod reason;
mod request;
mod text;
mod version;
mod words;

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use spool::Records;

use super::{
    Backlogged, BodyLine, ByMeasurement, Checked, CountError, Credentials, Encoded, Form, Outcome,
    Sent, Sink, SpokenTo,
};
use crate::config::{Api, Config, InfluxSettings};
use answer::Failure;
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
        let outcome = decide(&answer);
        let is_away = matches!(answer, HttpAnswer::Failed(Failure::Connection(_)));
        if is_away || matches!(outcome, Outcome::Hold { .. }) {
            // Another server may be there by now.
            self.client.doubt_server();
        }
        Sent {
            outcome,
            is_answered: matches!(answer, HttpAnswer::Response(_)),
        }
    }

    fn credentials(&self) -> Option<Credentials> {
        self.client.token_file()
    }

    fn spoken(&self) -> Option<SpokenTo> {
        let spoken = self.client.known()?;
        Some(SpokenTo {
            api: spoken.api.name(),
            version: spoken.version,
        })
    }

    fn in_flight(&self) -> usize {
        match self.client.known().map(|spoken| spoken.api) {
            // An answer of 3.x waits up to a second for its log.
            Some(Api::V3) => 4,
            Some(Api::V1 | Api::V2) | None => 2,
        }
    }

    async fn keeps(&self) -> Option<Duration> {
        let api = self.client.spoken().await.ok()?.api;
        probe::retention(&self.client, api).await.ok().flatten()
    }

    async fn count_by_hour(
        &self,
        host: &str,
        measurements: &BTreeSet<&'static str>,
        range: Range<u64>,
    ) -> Result<ByMeasurement, CountError> {
        let counted = query::points_by_hour(&self.client, host, measurements, range).await;
        counted.map_err(|error| CountError(error.to_string()))
    }

    async fn check(config: &Config, waiting: Backlogged) -> Checked {
        check::check(config, waiting).await
    }
}
