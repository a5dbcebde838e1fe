//! What tests manage a 2.x server by: organisations, buckets, tokens, deletion.

use serde_json::{Value, json};

use super::super::ask::{Ask, Told};
use super::super::calendar;
use super::super::tokens::Rights;
use super::Bucket2;
use super::ORG;
use super::access::token;
use super::state::{ORG_ID, State};
use super::words::error;
use crate::parameters::parameters;

pub(super) fn answer(state: &mut State, ask: &Ask) -> Told {
    let (method, path) = ask.target();
    let Some(rest) = path.strip_prefix("/api/v2/") else {
        return error(404, "path not found");
    };
    match token(state, ask) {
        Err(told) => return told,
        Ok(token) if !token.rights.is_full() => return error(403, "insufficient permissions"),
        Ok(_) => {}
    }
    let parsed: Value = serde_json::from_slice(&ask.body).unwrap_or_default();
    let (room, id) = rest.split_once('/').unwrap_or((rest, ""));
    match (method, room) {
        ("GET", "orgs") => {
            let org = json!({ "id": ORG_ID, "name": ORG });
            Told::json(200, &json!({ "orgs": [org] }))
        }
        ("POST", "buckets") => {
            let name = parsed["name"].as_str().unwrap_or_default();
            if name.is_empty() || state.place(name).is_some() {
                return error(422, &format!("bucket with name {name} already exists"));
            }
            let mut bucket = Bucket2::named(name);
            (bucket.keeps, bucket.shard) = rules(&parsed);
            let id = state.create(bucket);
            Told::json(201, &json!({ "id": id, "name": name }))
        }
        ("PATCH", "buckets") if state.place(id).is_some() => {
            let (keeps, shard) = rules(&parsed);
            state.set_retention(id, keeps, shard);
            Told::json(200, &json!({ "id": id }))
        }
        ("DELETE", "buckets") if state.place(id).is_some() => {
            state.buckets.retain(|held| held.is.id != id);
            Told::empty(204)
        }
        ("POST", "authorizations") => {
            let (id, token) = (state.new_id(), format!("token-{}", state.new_id()));
            state.tokens.add(&token, rights(&parsed));
            state.made_tokens.push((id.clone(), token.clone()));
            Told::json(201, &json!({ "id": id, "token": token }))
        }
        ("DELETE", "authorizations") => {
            let Some(place) = state.made_tokens.iter().position(|(own, _)| own == id) else {
                return error(404, "authorization not found");
            };
            let (_, token) = state.made_tokens.remove(place);
            state.tokens.remove(&token);
            Told::empty(204)
        }
        ("POST", "delete") => delete(state, ask, &parsed),
        _ => error(404, "path not found"),
    }
}

/// Seconds that a bucket keeps points, and those of a shard.
fn rules(bucket: &Value) -> (u64, u64) {
    let rule = &bucket["retentionRules"][0];
    let keeps = rule["everySeconds"].as_u64().unwrap_or(0);
    let shard = rule["shardGroupDurationSeconds"].as_u64();
    let by_default = match keeps {
        0 => 7 * 86_400,
        short if short < 2 * 86_400 => 3600,
        _ => 86_400,
    };
    (
        keeps,
        shard.filter(|shard| *shard > 0).unwrap_or(by_default),
    )
}

fn rights(asked: &Value) -> Rights {
    let permissions = asked["permissions"].as_array();
    let has = |action: &str| {
        let mut permissions = permissions.into_iter().flatten();
        permissions.any(|permission| permission["action"] == action)
    };
    match (has("read"), has("write")) {
        (true, true) => Rights::Full,
        (true, false) => Rights::ReadOnly,
        (false, true) => Rights::WriteOnly,
        (false, false) => Rights::Nothing,
    }
}

fn delete(state: &mut State, ask: &Ask, parsed: &Value) -> Told {
    let asked = parameters(&ask.query);
    let name = asked.get("bucket").cloned().unwrap_or_default();
    let time = |key: &str| parsed[key].as_str().and_then(calendar::read);
    let (Some(start), Some(stop)) = (time("start"), time("stop")) else {
        return error(
            400,
            "invalid RFC3339Nano for field start, please format your time with RFC3339Nano format, example: 2009-01-02T23:00:00Z",
        );
    };
    let predicate = parsed["predicate"].as_str().unwrap_or_default();
    let of = predicate.strip_prefix("_measurement=");
    let of = of.map(|quoted| quoted.trim_matches('"').to_owned());
    if of.is_none() && !predicate.is_empty() {
        return error(400, "the predicate is not supported here");
    }
    let Some(held) = state.bucket_mut(&name) else {
        return error(404, &format!("bucket \"{name}\" not found"));
    };
    held.points.lose(|point| {
        let is_of = of.as_ref().is_none_or(|name| *name == point.measurement);
        is_of && (start..=stop).contains(&point.time)
    });
    Told::empty(204)
}
