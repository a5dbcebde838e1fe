//! Requests: what Ollama's HTTP server answered.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::decimal::Decimal;
use super::measurement::FieldType::{Decimal as Float, Text};
use super::measurement::{Measurement, Value, Visitor};
use super::route::{Method, Route};

/// A request that Ollama's HTTP server answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request<'a> {
    pub method: Method,
    /// What it asked for.
    pub route: Route,
    /// The answer's status, 100 to 599. That of a stream is fixed at its first byte.
    pub status: u16,
    /// Milliseconds from arrival to the last byte: waiting, loading and streaming included. Whole seconds above a minute.
    pub latency_ms: Decimal,
    /// Who asked; behind a proxy, whoever `X-Forwarded-For` says.
    pub client: Option<IpAddr>,
    /// The model that answered, as `ollama list` prints it; `None` where that is not certain.
    #[serde(borrow)]
    pub model: Option<Cow<'a, str>>,
}

impl Request<'_> {
    /// One point a request.
    pub const MEASUREMENT: Measurement = Measurement {
        name: "ollama_requests",
        tags: &["method", "route", "status"],
        fields: &[("client", Text), ("latency_ms", Float), ("model", Text)],
    };

    pub(super) fn visit(&self, visitor: &mut impl Visitor) {
        let status =
            [100, 10, 1].map(|place| b'0' + u8::try_from(self.status / place % 10).unwrap_or(0));
        let status = std::str::from_utf8(&status).unwrap_or("000");
        Self::MEASUREMENT.visit(
            [self.method.name(), self.route.name(), status],
            [
                self.client.map(Value::Address),
                Some(Value::Decimal(self.latency_ms)),
                self.model.as_deref().map(Value::Text),
            ],
            visitor,
        );
    }
}
