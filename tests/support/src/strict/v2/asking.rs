//! Questions to a 2.x server.

use serde_json::json;

use super::super::ask::{Ask, Told};
use super::super::influxql::{self, Epoch, Statement, statements};
use super::access::{token, token_1x};
use super::state::State;
use super::words::told;
use crate::asked;
use crate::parameters::parameters;

/// GET `/api/v2/buckets`.
pub(super) fn buckets(state: &State, ask: &Ask) -> Told {
    let token = match token(state, ask) {
        Ok(token) => token,
        Err(told) => return told,
    };
    let asked = parameters(&ask.query);
    let is_asked = |bucket: &asked::Bucket| {
        let is = |key: &str, own: &String| asked.get(key).is_none_or(|asked| asked == own);
        is("name", &bucket.name) && is("id", &bucket.id)
    };
    let held = state.buckets.iter().find(|held| is_asked(&held.is));
    let one = held.or(state.buckets.first()).map(|held| &held.is);
    let answer = told(asked::buckets(one, &ask.query));
    if answer.status == 200 && !token.rights.may_read() {
        return Told::json(200, &json!({ "buckets": [] }));
    }
    answer
}

/// POST `/api/v2/query`.
pub(super) fn flux(state: &State, ask: &Ask) -> Told {
    let token = match token(state, ask) {
        Ok(token) => token,
        Err(told) => return told,
    };
    let flux = ask.text();
    // Which bucket it is about is in the Flux: every other one is not found.
    let mut answer = (404, String::new());
    for held in &state.buckets {
        let mut bucket = held.is.clone();
        if !token.rights.may_read() {
            // A bucket that may not be read is as one that is not there.
            (bucket.name, bucket.id) = (String::new(), String::new());
        }
        answer = asked::query(Some(&bucket), &ask.query, &flux, &held.points);
        if answer.0 != 404 {
            break;
        }
    }
    told(answer)
}

/// `/query`.
pub(super) fn influxql(state: &State, ask: &Ask) -> Told {
    let token = match token_1x(state, ask) {
        Ok(token) => token,
        Err(told) => return told,
    };
    let parameters = ask.parameters();
    let given = |name: &str| parameters.get(name).map(String::as_str);
    let epoch = Epoch::of(given("epoch"));
    let parsed = match statements(given("q").unwrap_or_default()) {
        Ok(parsed) => parsed,
        Err(words) => return Told::json(400, &json!({ "error": words })),
    };
    let found = |database: Option<&str>, policy: Option<&str>| {
        let database = database.or(given("db")).unwrap_or_default();
        let policy = policy.or(given("rp"));
        let place = state.mapped(database, policy);
        let place = place.filter(|_| token.rights.may_read());
        place.ok_or_else(
            || json!({ "statement_id": 0, "error": format!("database not found: {database}") }),
        )
    };
    let result = |statement: &Statement| match statement {
        Statement::Select(select) => {
            let place = found(select.database.as_deref(), select.policy.as_deref())?;
            let points = state.buckets[place].points.iter();
            Ok(influxql::result(influxql::select(select, points, epoch)))
        }
        Statement::Policies { on } => {
            found(on.as_deref(), None)?;
            // Whatever the bucket keeps.
            Ok(influxql::result(Some(json!({
                "columns": ["name", "duration", "shardGroupDuration", "replicaN", "default"],
                "values": [["autogen", "0s", "168h0m0s", 1, true]],
            }))))
        }
        Statement::Databases => {
            let names: Vec<_> = state.buckets.iter().map(|held| [&held.is.name]).collect();
            let series = json!({ "name": "databases", "columns": ["name"], "values": names });
            Ok(influxql::result(Some(series)))
        }
    };
    let results: Vec<_> = parsed
        .iter()
        .map(|statement| result(statement).unwrap_or_else(|error| error))
        .collect();
    Told::json(200, &json!({ "results": results }))
}
