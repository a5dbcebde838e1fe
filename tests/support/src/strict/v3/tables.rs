//! What a query of SQL gives, over the tables of a database and those that every one has.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::{Map, Value, json};

use super::super::stand::now;
use super::super::{HOUR, SECOND, calendar};
use super::catalog::{Column, Database, State};
use super::sql::{Condition, Item, Literal, Query};
use crate::points::Point;

/// Most that the points of one query may be apart: 432 files of ten minutes each.
const SPAN: i64 = 72 * HOUR;

type Row = Map<String, Value>;

/// Rows of the answer.
///
/// # Errors
/// What the planner says.
pub(super) fn answer(state: &State, database: &str, query: &Query) -> Result<Vec<Value>, String> {
    let (schema, table) = (query.from.0.as_deref(), query.from.1.as_str());
    let held = state.databases.get(database);
    match (schema, table) {
        (Some("information_schema"), "tables") => listed(query, held.map_or(Vec::new(), tables)),
        (Some("information_schema"), "columns") => listed(query, held.map_or(Vec::new(), columns)),
        (Some("system"), "databases") if database == "_internal" && state.version.since(3, 6) => {
            listed(query, databases(state))
        }
        (None | Some("iox"), table) => {
            let tables = held.map(|held| &held.tables);
            let columns = tables.and_then(|tables| tables.get(table));
            let columns = columns.ok_or_else(|| not_found("iox", table))?;
            counted(held.expect("it has a table"), table, columns, query)
        }
        (Some(schema), table) => Err(not_found(schema, table)),
    }
}

fn not_found(schema: &str, table: &str) -> String {
    format!("Error during planning: table 'public.{schema}.{table}' not found")
}

fn row(cells: &[(&str, Value)]) -> Row {
    let cells = cells.iter().cloned();
    cells
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn tables(held: &Database) -> Vec<Row> {
    let of_table = |name: &String| {
        row(&[
            ("table_catalog", json!("public")),
            ("table_schema", json!("iox")),
            ("table_name", json!(name)),
            ("table_type", json!("BASE TABLE")),
        ])
    };
    held.tables.keys().map(of_table).collect()
}

fn columns(held: &Database) -> Vec<Row> {
    let of_table = |(table, columns): (&String, &BTreeMap<String, Column>)| {
        let of_column = |(name, column): (&String, &Column)| {
            row(&[
                ("table_catalog", json!("public")),
                ("table_schema", json!("iox")),
                ("table_name", json!(table)),
                ("column_name", json!(name)),
                ("data_type", json!(column.in_arrow())),
            ])
        };
        columns.iter().map(of_column).collect::<Vec<_>>()
    };
    held.tables.iter().flat_map(of_table).collect()
}

fn databases(state: &State) -> Vec<Row> {
    let of_database = |(name, held): (&String, &Database)| {
        let keeps = match held.keeps {
            0 => Value::Null,
            seconds => json!(seconds * 1_000_000_000),
        };
        row(&[
            ("database_name", json!(name)),
            ("retention_period_ns", keeps),
            ("deleted", json!(false)),
        ])
    };
    state.databases.iter().map(of_database).collect()
}

/// Columns of rows that are there as they are.
fn listed(query: &Query, rows: Vec<Row>) -> Result<Vec<Value>, String> {
    if query.group.is_some() {
        return Err("This feature is not implemented: a group of these rows".to_owned());
    }
    let holds = |row: &Row, condition: &Condition| match (&condition.value, &*condition.sign) {
        (Literal::Text(text), "=") => row.get(&condition.column) == Some(&json!(text)),
        _ => false,
    };
    let mut listed = Vec::new();
    for row in rows {
        if !query
            .conditions
            .iter()
            .all(|condition| holds(&row, condition))
        {
            continue;
        }
        let mut out = Row::new();
        for (item, name) in &query.items {
            match item {
                Item::All => out.extend(row.clone()),
                Item::Column(column) => {
                    let value = row.get(column).ok_or_else(|| no_field(column))?;
                    // A null is left out of the JSON.
                    if !value.is_null() {
                        out.insert(name.clone(), value.clone());
                    }
                }
                Item::Hour | Item::Count(_) => {
                    return Err("This feature is not implemented: counting these rows".to_owned());
                }
            }
        }
        listed.push(Value::Object(out));
    }
    Ok(listed)
}

fn no_field(name: &str) -> String {
    format!("Schema error: No field named {name}.")
}

/// Points by the hour, or all of them in one row.
fn counted(
    held: &Database,
    table: &str,
    columns: &BTreeMap<String, Column>,
    query: &Query,
) -> Result<Vec<Value>, String> {
    let (mut hour, mut counts) = (None, Vec::new());
    for (place, (item, name)) in query.items.iter().enumerate() {
        match item {
            Item::Hour => hour = Some((place + 1, name)),
            Item::Count(Some(column)) if !columns.contains_key(column) => {
                return Err(no_field(column));
            }
            Item::Count(column) => counts.push((column.as_deref(), name)),
            Item::All | Item::Column(_) => {
                return Err("This feature is not implemented: rows of a table".to_owned());
            }
        }
    }
    let grouped = query.group.as_ref();
    let is_grouped = hour.as_ref().is_some_and(|(place, name)| {
        grouped.is_some_and(|group| group == *name || *group == place.to_string())
    });
    if hour.is_some() != is_grouped || grouped.is_some() != is_grouped {
        return Err(
            "Error during planning: Column in SELECT must be in GROUP BY or an aggregate function"
                .to_owned(),
        );
    }
    let range = range(&query.conditions)?;
    let mut points = visible(held, table, range);
    bounded(&points)?;
    for condition in query.conditions.iter().filter(|one| one.column != "time") {
        let Literal::Text(text) = &condition.value else {
            return Err("This feature is not implemented: a comparison of numbers".to_owned());
        };
        let column = &condition.column;
        if !columns.contains_key(column) {
            return Err(no_field(column));
        }
        points.retain(|point| value(point, column) == Some(text));
    }
    let mut groups = BTreeMap::<i64, Vec<&Point>>::new();
    if hour.is_none() {
        groups.entry(0).or_default();
    }
    for point in points {
        let start = point.time.div_euclid(HOUR) * HOUR;
        let group = if hour.is_some() { start } else { 0 };
        groups.entry(group).or_default().push(point);
    }
    let row = |(start, points): (i64, Vec<&Point>)| {
        let mut row = Row::new();
        if let Some((_, name)) = hour {
            row.insert(name.clone(), json!(calendar::shown(start)));
        }
        for (column, name) in &counts {
            let has = |point: &&&Point| column.is_none_or(|column| is_set(point, column));
            row.insert((*name).clone(), json!(points.iter().filter(has).count()));
        }
        Value::Object(row)
    };
    let mut rows: Vec<_> = groups.into_iter().map(row).collect();
    if !query.is_ordered {
        // Nobody may count on an order that was not asked for.
        rows.reverse();
    }
    Ok(rows)
}

fn value<'a>(point: &'a Point, column: &str) -> Option<&'a str> {
    let field = || point.field(column).map(|(text, _)| text);
    point.tag(column).or_else(field)
}

fn is_set(point: &Point, column: &str) -> bool {
    column == "time" || value(point, column).is_some()
}

/// Nanoseconds.
fn range(conditions: &[Condition]) -> Result<Range<i64>, String> {
    let mut range = i64::MIN..i64::MAX;
    for condition in conditions {
        if condition.column != "time" {
            if condition.sign != "=" {
                return Err("This feature is not implemented: an order of texts".to_owned());
            }
            continue;
        }
        let time = match &condition.value {
            Literal::Time(time) => *time,
            Literal::Text(text) => calendar::read(text)
                .ok_or_else(|| format!("Error parsing timestamp from '{text}'"))?,
            Literal::Number(_) => {
                return Err("Error during planning: Cannot infer common argument type for comparison operation Timestamp(Nanosecond, None) >= Int64".to_owned());
            }
        };
        match condition.sign.as_str() {
            ">=" => range.start = range.start.max(time),
            ">" => range.start = range.start.max(time + 1),
            "<" => range.end = range.end.min(time),
            "<=" => range.end = range.end.min(time + 1),
            _ => (range.start, range.end) = (time, time + 1),
        }
    }
    Ok(range)
}

/// Points of a table that queries see.
pub(super) fn visible<'a>(held: &'a Database, table: &str, range: Range<i64>) -> Vec<&'a Point> {
    let oldest = match held.keeps {
        0 => i64::MIN,
        seconds => now() - i64::try_from(seconds).expect("less than an age") * SECOND,
    };
    let is_seen = |point: &&Point| {
        point.measurement == table && range.contains(&point.time) && point.time >= oldest
    };
    held.points.iter().filter(is_seen).collect()
}

/// # Errors
/// The points are in too many files.
pub(super) fn bounded(points: &[&Point]) -> Result<(), String> {
    let times = || points.iter().map(|point| point.time);
    let (first, last) = (times().min().unwrap_or(0), times().max().unwrap_or(0));
    if last - first <= SPAN {
        return Ok(());
    }
    Err("External error: Query would exceed file limit of 432 parquet files. Please specify a smaller time range for your query. You can increase the file limit with the `--query-file-limit` option in the serve command, however, query performance will be slower and the server may get OOM killed or become unstable as a result".to_owned())
}
