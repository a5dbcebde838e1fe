//! InfluxQL over points, with the JSON that servers answer.

mod parse;

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub(super) use parse::{Select, Statement, statements};

use self::parse::Wanted;
use super::{HOUR, calendar};
use crate::points::{Kind, Point};

/// The unit of times in an answer (`epoch`); without one they are dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Epoch {
    Date,
    /// Nanoseconds of the unit.
    Unit(i64),
}

impl Epoch {
    pub(super) fn of(parameter: Option<&str>) -> Self {
        match parameter {
            Some("ns" | "n") => Self::Unit(1),
            Some("u" | "µ") => Self::Unit(1000),
            Some("ms") => Self::Unit(1_000_000),
            Some("s") => Self::Unit(super::SECOND),
            _ => Self::Date,
        }
    }

    fn shown(self, nanos: i64) -> Value {
        match self {
            Self::Date => json!(format!("{}Z", calendar::shown(nanos))),
            Self::Unit(unit) => json!(nanos / unit),
        }
    }
}

/// The result of one statement.
pub(super) fn result(series: Option<Value>) -> Value {
    match series {
        None => json!({ "statement_id": 0 }),
        Some(series) => json!({ "statement_id": 0, "series": [series] }),
    }
}

/// The one series of an answer, if there is any row.
pub(super) fn select<'a>(
    select: &Select,
    points: impl Iterator<Item = &'a Point>,
    epoch: Epoch,
) -> Option<Value> {
    let mut points: Vec<_> = points.filter(|point| select.takes(point)).collect();
    points.sort_by_key(|point| point.time);
    let (columns, rows) = match &select.wanted {
        Wanted::Fields(fields) => select.rows(fields, &points),
        Wanted::Count { field, kind } => {
            let columns = vec!["count".to_owned()];
            let is_counted = |point: &Point| {
                let found = point.field(field);
                found.is_some_and(|(_, own)| kind.is_none_or(|kind| kind == own))
            };
            points.retain(|point| is_counted(point));
            (columns, select.counts(&points))
        }
        Wanted::CountAll => counts_of_each(&points),
    };
    if rows.is_empty() {
        return None;
    }
    let mut values: Vec<Value> = rows
        .into_iter()
        .map(|(time, mut row)| {
            row.insert(0, epoch.shown(time));
            Value::Array(row)
        })
        .collect();
    if select.newest_first {
        values.reverse();
    }
    values.truncate(select.limit);
    let columns: Vec<_> = ["time".to_owned()].into_iter().chain(columns).collect();
    Some(json!({ "name": select.measurement, "columns": columns, "values": values }))
}

type Rows = Vec<(i64, Vec<Value>)>;

impl Select {
    fn takes(&self, point: &Point) -> bool {
        let has = |(tag, value): &(String, String)| point.tag(tag).unwrap_or_default() == value;
        point.measurement == self.measurement
            && self.range.contains(&point.time)
            && self.tags.iter().all(has)
    }

    fn rows(&self, fields: &[(String, Option<Kind>)], points: &[&Point]) -> (Vec<String>, Rows) {
        let is_wanted = |point: &Point, (name, wanted): &(String, Option<Kind>)| {
            let found = point.field(name);
            found.is_some_and(|(_, kind)| wanted.is_none_or(|wanted| wanted == kind))
        };
        let row = |point: &&Point| {
            let has_field = fields.iter().any(|field| is_wanted(point, field));
            let value = |field: &(String, Option<Kind>)| match field.1 {
                Some(_) if !is_wanted(point, field) => Value::Null,
                _ => value(point, &field.0),
            };
            let values = || fields.iter().map(value).collect();
            has_field.then(|| (point.time, values()))
        };
        let columns = fields.iter().map(|(name, _)| name.clone()).collect();
        (columns, points.iter().filter_map(row).collect())
    }

    fn counts(&self, points: &[&Point]) -> Rows {
        let mut counts = BTreeMap::<i64, u64>::new();
        let unbounded = self.range.start.max(0);
        for point in points {
            let group = match self.by_hour {
                true => point.time.div_euclid(HOUR) * HOUR,
                false => unbounded,
            };
            *counts.entry(group).or_default() += 1;
        }
        let counts = counts.into_iter();
        counts
            .map(|(time, count)| (time, vec![json!(count)]))
            .collect()
    }
}

fn counts_of_each(points: &[&Point]) -> (Vec<String>, Rows) {
    let mut counts = BTreeMap::<&str, u64>::new();
    for (name, _) in points.iter().flat_map(|point| &point.fields) {
        *counts.entry(name).or_default() += 1;
    }
    if counts.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let columns = counts.keys().map(|name| format!("count_{name}")).collect();
    let row = counts.values().map(|count| json!(count)).collect();
    (columns, vec![(0, row)])
}

/// A tag or a field.
fn value(point: &Point, name: &str) -> Value {
    let Some((text, kind)) = point.field(name) else {
        return point.tag(name).map_or(Value::Null, |tag| json!(tag));
    };
    match kind {
        Kind::Text => json!(text),
        _ => {
            let number = text.trim_end_matches(['i', 'u']);
            serde_json::from_str(number).unwrap_or_else(|_| json!(text))
        }
    }
}

#[cfg(test)]
mod tests;
