//! What a check asks a server beside whether it takes lines: how long it keeps them, where they have their hash, how many series they
//! are. Each version has its own questions; what is made of an answer is pure.

mod v1;
mod v2;
mod v3;

use std::time::Duration;

use super::answer::{HttpAnswer, decide_empty, in_words};
use super::body::Body;
use super::client::Client;
use crate::config::Api;
use crate::sinks::Outcome;

/// Most of an answer that is read, in bytes.
const MAX_ANSWER: usize = 1 << 20;

/// Where the log lines that are there already have their hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct HashThere {
    pub tag: bool,
    pub field: bool,
}

/// Whether the token may write, by a write that stores nothing; [`Outcome::Delivered`] when it may.
pub(super) async fn may_write(client: &Client, api: Api) -> Outcome {
    match api {
        Api::V1 | Api::V2 => decide_empty(&client.write(&Body::empty()).await),
        Api::V3 => v3::may_write(client).await,
    }
}

/// The databases that there are; `None` where that is not known.
pub(super) async fn databases(client: &Client, api: Api) -> Option<Vec<String>> {
    match api {
        Api::V1 | Api::V2 => None,
        Api::V3 => v3::databases(client).await.ok(),
    }
}

/// How long the bucket keeps points; `None` is for ever.
///
/// # Errors
/// In words: a token that may only write cannot ask.
pub(super) async fn retention(client: &Client, api: Api) -> Result<Option<Duration>, String> {
    match api {
        Api::V1 => v1::retention(client).await,
        Api::V2 => v2::retention(client).await,
        Api::V3 => v3::retention(client).await,
    }
}

/// Where log lines have their hash there; `series` is what [`series()`] came to.
///
/// # Errors
/// In words: the token may not read, or there is no such bucket.
pub(super) async fn hash_there(
    client: &Client,
    api: Api,
    series: &Result<Option<u64>, String>,
) -> Result<HashThere, String> {
    match api {
        Api::V1 => v1::hash_there(client).await,
        Api::V2 => v2::hash_there(client, series.clone()?.unwrap_or(0)).await,
        Api::V3 => v3::hash_there(client).await,
    }
}

/// How many series the log lines are for their hash; `None` on 3.x, which has no series.
///
/// # Errors
/// In words.
pub(super) async fn series(client: &Client, api: Api) -> Result<Option<u64>, String> {
    match api {
        Api::V1 => v1::series(client).await.map(Some),
        Api::V2 => v2::series(client).await.map(Some),
        Api::V3 => Ok(None),
    }
}

async fn ask(
    client: &Client,
    api: Api,
    request: reqwest::RequestBuilder,
) -> Result<String, String> {
    match client.answer(request, api, MAX_ANSWER).await {
        HttpAnswer::Response(response) if response.status == 200 => Ok(response.body),
        other => Err(in_words(&other)),
    }
}
