//! Points as earlier versions stored them.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::Deserialize;

use super::decimal::Decimal;
use super::event::Event;
use super::memory::Memory;
use super::model::Model;
use super::request::Request;
use super::route::{Method, Route};
use super::schema::Derived;
use super::tokens::{Phase, Tokens};

/// A point behind a record of the second version, whose tokens are [`EarlierTokens`], or of the third, whose are [`Tokens`].
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a, T: Deserialize<'de>"))]
pub(super) enum EarlierPoint<'a, T> {
    Request(EarlierRequest),
    #[serde(borrow)]
    Event(Event<'a>),
    #[serde(borrow)]
    Memory(Memory<'a>),
    Tokens(T),
    #[serde(borrow)]
    Model(EarlierModel<'a>),
}

/// A request when nothing was said of its model.
#[derive(Deserialize)]
pub(super) struct EarlierRequest {
    method: Method,
    route: Route,
    status: u16,
    latency_ms: Decimal,
    client: Option<IpAddr>,
}

/// Tokens when each phase had a time and a speed; those of a prompt were without what came from the cache.
#[derive(Deserialize)]
pub(super) struct EarlierTokens {
    phase: Phase,
    tokens: u64,
    ms: Decimal,
    tokens_per_second: Decimal,
}

/// A model when nothing but its manifest said what it is.
#[derive(Deserialize)]
pub(super) struct EarlierModel<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    sha256: Option<Cow<'a, str>>,
    size: u64,
    #[serde(borrow)]
    manifests_path: Cow<'a, str>,
}

impl From<EarlierTokens> for Tokens {
    fn from(tokens: EarlierTokens) -> Self {
        Self {
            ms: Some(tokens.ms),
            tokens_per_second: Some(tokens.tokens_per_second),
            ..Self::of(tokens.phase, tokens.tokens)
        }
    }
}

impl<'a> From<EarlierModel<'a>> for Model<'a> {
    fn from(model: EarlierModel<'a>) -> Self {
        Self {
            name: model.name,
            sha256: model.sha256,
            size: model.size,
            manifests_path: model.manifests_path,
            details: None,
        }
    }
}

impl<'a, T: Into<Tokens>> From<EarlierPoint<'a, T>> for Derived<'a> {
    fn from(point: EarlierPoint<'a, T>) -> Self {
        match point {
            EarlierPoint::Request(request) => Self::Request(Request {
                method: request.method,
                route: request.route,
                status: request.status,
                latency_ms: request.latency_ms,
                client: request.client,
                model: None,
            }),
            EarlierPoint::Event(event) => Self::Event(event),
            EarlierPoint::Memory(memory) => Self::Memory(memory),
            EarlierPoint::Tokens(tokens) => Self::Tokens(tokens.into()),
            EarlierPoint::Model(model) => Self::Model(model.into()),
        }
    }
}
