//! Points as versions up to 0.1 stored them.

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

/// A point behind a record of the second version.
#[derive(Deserialize)]
pub(super) enum EarlierPoint<'a> {
    Request(EarlierRequest),
    #[serde(borrow)]
    Event(Event<'a>),
    #[serde(borrow)]
    Memory(Memory<'a>),
    Tokens(EarlierTokens),
    #[serde(borrow)]
    Model(Model<'a>),
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

impl<'a> From<EarlierPoint<'a>> for Derived<'a> {
    fn from(point: EarlierPoint<'a>) -> Self {
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
            EarlierPoint::Tokens(tokens) => Self::Tokens(Tokens {
                ms: Some(tokens.ms),
                tokens_per_second: Some(tokens.tokens_per_second),
                ..Tokens::of(tokens.phase, tokens.tokens)
            }),
            EarlierPoint::Model(model) => Self::Model(model),
        }
    }
}
