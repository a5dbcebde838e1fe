//! Writes by the paths of 3.x, 2.x and 1.x.

use std::collections::HashMap;

use super::super::ask::{Ask, Packed, Told};
use super::super::stand::now;
use super::super::tokens::Rights;
use super::super::version::Version;
use super::catalog::{State, Tables, admit};
use super::words::{self, Refused, error};
use crate::points::{Point, numbered};

/// Bytes of the largest request, unpacked.
const LARGEST: usize = 10 << 20;

/// Letters of the longest name of a database.
const LONGEST_NAME: usize = 64;

/// By whose path it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    V1,
    V2,
    V3,
}

/// The answer; `None` when the connection is closed without one.
pub(super) fn answer(state: &mut State, ask: &Ask, rights: Rights, style: Style) -> Option<Told> {
    let taken = take(state, ask, rights, style);
    let durable = |told: Told| Told {
        after: state.wal_wait,
        ..told
    };
    match taken {
        Ok(Taken::All) => Some(durable(Told::empty(204))),
        Ok(Taken::Partly(refused)) => words::partly(state.version, &refused).map(durable),
        Ok(Taken::Nothing(refused)) => words::nothing(state.version, style, &refused),
        Err(told) => Some(told),
    }
}

enum Taken {
    All,
    Partly(Vec<Refused>),
    Nothing(Refused),
}

fn take(state: &mut State, ask: &Ask, rights: Rights, style: Style) -> Result<Taken, Told> {
    if !rights.may_write() {
        return Err(words::forbidden());
    }
    let version = state.version;
    let parameters = ask.parameters();
    let name = database(version, &parameters, style)?;
    let unit = unit(&parameters, style)?;
    let body = body(ask, style)?;
    let text = std::str::from_utf8(&body)
        .map_err(|wrong| Told::plain(500, format!("body content is not valid utf8: {wrong}")))?;
    let over = if style == Style::V2 { 400 } else { 422 };
    let mut tables = state
        .tables(&name)
        .map_err(|words| error(version, over, &words))?;
    let (good, mut refused) = admitted(version, &mut tables, text, unit);
    let is_partial = style == Style::V3
        && parameters
            .get("accept_partial")
            .is_none_or(|text| text != "false");
    if !is_partial && !refused.is_empty() {
        // Not even the database is made.
        return Ok(Taken::Nothing(refused.swap_remove(0)));
    }
    let wal = state.wal;
    let held = state.databases.entry(name).or_default();
    if good.is_empty() && refused.is_empty() {
        let words = "write buffer error: incoming write was empty";
        return Err(Told::plain(400, words));
    }
    if let Some(why) = wal {
        let words = format!("write buffer error: error from wal: {why}");
        return Err(match style {
            Style::V2 => error(version, 400, &words),
            _ => Told::plain(500, words),
        });
    }
    held.tables = tables;
    for point in good {
        held.points.merge(point);
    }
    Ok(match refused.is_empty() {
        true => Taken::All,
        false => Taken::Partly(refused),
    })
}

/// The points whose columns are taken into `tables`, and the lines that are refused.
fn admitted(
    version: Version,
    tables: &mut Tables,
    text: &str,
    unit: i64,
) -> (Vec<Point>, Vec<Refused>) {
    let (mut good, mut refused) = (Vec::new(), Vec::new());
    for line in numbered(text, now() / unit) {
        let number = line.number;
        let point = line.point.and_then(|mut point| {
            point.time = point.time.checked_mul(unit).ok_or("time out of range")?;
            admit(version, tables, &point).map(|()| point)
        });
        match point {
            Ok(point) => good.push(point),
            Err(why) => {
                let original = text.lines().nth(number - 1).unwrap_or_default().to_owned();
                refused.push(Refused {
                    number,
                    original,
                    why,
                });
            }
        }
    }
    (good, refused)
}

fn database(
    version: Version,
    parameters: &HashMap<String, String>,
    style: Style,
) -> Result<String, Told> {
    let key = if style == Style::V2 { "bucket" } else { "db" };
    let Some(name) = parameters.get(key) else {
        let words = format!("missing query parameter '{key}'");
        return Err(Told::plain(400, words));
    };
    if name.is_empty() {
        return Err(error(version, 400, "db name cannot be empty"));
    }
    let is_good = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
    if !name.chars().all(is_good) {
        let words = "invalid character in database or rp name: must be ASCII, containing only letters, numbers, underscores, or hyphens";
        return Err(error(version, 400, words));
    }
    if name.starts_with(['_', '-']) {
        return Err(error(
            version,
            400,
            "db name did not start with a number or letter",
        ));
    }
    if name.len() > LONGEST_NAME {
        let words =
            format!("error validating namespace name: length must be between 1 and {LONGEST_NAME}");
        return Err(Told::plain(400, words));
    }
    Ok(name.clone())
}

/// Nanoseconds of the unit of times.
fn unit(parameters: &HashMap<String, String>, style: Style) -> Result<i64, Told> {
    let given = parameters.get("precision").map(String::as_str);
    let unit = match (style, given) {
        (Style::V3, Some("nanosecond" | "ns")) | (Style::V1 | Style::V2, None) => 1,
        (Style::V1 | Style::V2, Some("ns" | "n")) => 1,
        (Style::V3, Some("microsecond")) | (Style::V1 | Style::V2, Some("us" | "u")) => 1000,
        (Style::V3, Some("millisecond")) | (Style::V1 | Style::V2, Some("ms")) => 1_000_000,
        (Style::V3, Some("second")) | (Style::V1 | Style::V2, Some("s")) => 1_000_000_000,
        // It guesses: nobody who is exact may ask for that.
        (Style::V3, None | Some("auto")) => {
            let words = "the stand-in takes no times of a unit that is guessed";
            return Err(Told::plain(400, words));
        }
        (_, Some(other)) => {
            let words = format!(
                "serde error: unknown variant `{other}`, expected one of `auto`, `second`, `millisecond`, `microsecond`, `nanosecond`"
            );
            return Err(Told::plain(400, words));
        }
    };
    Ok(unit)
}

fn body(ask: &Ask, style: Style) -> Result<Vec<u8>, Told> {
    let status = if style == Style::V2 { 413 } else { 500 };
    let too_large = || {
        Told::plain(
            status,
            format!("max request size ({LARGEST} bytes) exceeded"),
        )
    };
    if let Some(other) = ask.header(hyper::header::CONTENT_ENCODING)
        && !matches!(other, "gzip" | "identity")
    {
        let words = format!("unacceptable content-encoding: {other}");
        return Err(Told::plain(400, words));
    }
    if ask.body.len() > LARGEST {
        return Err(too_large());
    }
    let body = ask.unpacked().map_err(|packed| {
        let why = match packed {
            Packed::Wrong => "invalid gzip header",
            Packed::Cut => "unexpected end of file",
        };
        Told::plain(500, format!("error decoding gzip stream: {why}"))
    })?;
    if body.len() > LARGEST {
        return Err(too_large());
    }
    Ok(body)
}
