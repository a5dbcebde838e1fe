//! Writes by the paths of 2.x and 1.x.

use super::super::ask::{Ask, Packed, Told};
use super::super::stand::now;
use super::super::tokens::Token;
use super::super::version::Version;
use super::ORG;
use super::access::{may_see, may_write, token, token_1x};
use super::shards::{self, Written};
use super::state::{ORG_ID, State};
use super::words::{OUTSIDE, TIMES, error, unable};
use crate::points::{Point, numbered};

/// `/api/v2/write`.
pub(super) fn v2(state: &mut State, ask: &Ask) -> Told {
    let checked = token(state, ask).and_then(|token| {
        let parameters = ask.parameters();
        let given = |name: &str| parameters.get(name).cloned().unwrap_or_default();
        let (org, bucket) = (given("org"), given("bucket"));
        if org != ORG && org != ORG_ID {
            let words = format!("organization name \"{org}\" not found");
            return Err(error(404, &words));
        }
        let place = state.place(&bucket).filter(|_| may_see(token));
        let missing = || error(404, &format!("bucket \"{bucket}\" not found"));
        Ok((token, place.ok_or_else(missing)?, given("precision")))
    });
    answer(state, ask, checked)
}

/// `/write`.
pub(super) fn v1(state: &mut State, ask: &Ask) -> Told {
    let checked = token_1x(state, ask).and_then(|token| {
        let parameters = ask.parameters();
        let given = |name: &str| parameters.get(name).map(String::as_str);
        let database = given("db").filter(|database| !database.is_empty());
        let database = database.ok_or_else(|| error(400, "missing db"))?;
        let place = state
            .mapped(database, given("rp"))
            .filter(|_| may_see(token));
        let place = place.ok_or_else(|| error(404, "no dbrp mapping found"))?;
        Ok((
            token,
            place,
            given("precision").unwrap_or_default().to_owned(),
        ))
    });
    answer(state, ask, checked)
}

fn answer(state: &mut State, ask: &Ask, checked: Result<(Token, usize, String), Told>) -> Told {
    let taken = checked.and_then(|(token, place, precision)| {
        may_write(token)?;
        let points = points(state, ask, &precision)?;
        Ok((place, points))
    });
    let (place, points) = match taken {
        Ok(taken) => taken,
        Err(told) => return told,
    };
    if points.is_empty() {
        return Told::empty(204);
    }
    if let Some(words) = &state.trouble {
        return trouble(words);
    }
    match shards::write(state, place, points) {
        Written::All => Told::empty(204),
        Written::Failed(words) => trouble(&words),
        // Said as the server's own trouble by early ones.
        Written::Partly(words) if state.version < Version::new(2, 0, 9) => trouble(&words),
        Written::Partly(words) => {
            error(422, &format!("failure writing points to database: {words}"))
        }
    }
}

fn trouble(words: &str) -> Told {
    let words = format!("unexpected error writing points to database: {words}");
    error(500, &words)
}

/// The points of a body, all of them or none.
fn points(state: &State, ask: &Ask, precision: &str) -> Result<Vec<Point>, Told> {
    let body = ask.unpacked().map_err(|packed| match packed {
        Packed::Wrong => error(500, "An internal error has occurred - check server logs"),
        Packed::Cut => error(500, "unable to read data: unexpected EOF"),
    })?;
    let unit = match precision {
        "" | "ns" | "n" => 1,
        "us" | "u" => 1000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        _ => return Err(error(400, "invalid precision")),
    };
    let text = String::from_utf8_lossy(&body);
    let (mut points, mut complaints) = (Vec::new(), Vec::new());
    for line in numbered(&text, now() / unit) {
        match line.point {
            Err(complaint) => complaints.push(unable(line.text, &complaint)),
            Ok(point) if has_duplicates(&point) => {
                complaints.push(unable(line.text, "duplicate tags"));
            }
            Ok(mut point) => match point.time.checked_mul(unit) {
                Some(time) if TIMES.contains(&time) => {
                    point.time = time;
                    points.push(point);
                }
                _ => complaints.push(format!("unable to parse '{}': {OUTSIDE}", line.text)),
            },
        }
    }
    if !complaints.is_empty() {
        return Err(error(400, &complaints.join("\n")));
    }
    if points.is_empty() && !state.version.since(2, 1) {
        return Err(error(400, "writing requires points"));
    }
    Ok(points)
}

fn has_duplicates(point: &Point) -> bool {
    let mut names: Vec<_> = point.tags.iter().map(|(name, _)| name).collect();
    names.sort();
    names.windows(2).any(|pair| pair[0] == pair[1])
}
