//! InfluxQL: the statements that a shipper and its tests need; any other is an error.

use std::ops::Range;

use super::super::SECOND;
use super::super::calendar;
use super::super::lexer::{Escape, Reader, Token, tokens};
use crate::points::Kind;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Statement {
    Select(Select),
    /// `SHOW RETENTION POLICIES ON …`.
    Policies {
        on: Option<String>,
    },
    Databases,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Select {
    pub(super) wanted: Wanted,
    pub(in super::super) database: Option<String>,
    pub(in super::super) policy: Option<String>,
    pub(in super::super) measurement: String,
    pub(super) tags: Vec<(String, String)>,
    /// Nanoseconds.
    pub(in super::super) range: Range<i64>,
    pub(super) by_hour: bool,
    pub(super) newest_first: bool,
    pub(super) limit: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Of any type, or of one.
    Fields(Vec<(String, Option<Kind>)>),
    Count {
        field: String,
        kind: Option<Kind>,
    },
    CountAll,
}

/// All statements of `text`.
///
/// # Errors
/// What is not of the forms that are known.
pub(in super::super) fn statements(text: &str) -> Result<Vec<Statement>, String> {
    let tokens = tokens(text, Escape::Backslash)?;
    tokens
        .split(|token| *token == Token::Sign(";".to_owned()))
        .filter(|statement| !statement.is_empty())
        .map(|tokens| {
            let mut reader = Reader::new(tokens);
            let statement = statement(&mut reader)?;
            if !reader.is_at_end() {
                return Err(format!("found {:?}, expected EOF", reader.next()?));
            }
            Ok(statement)
        })
        .collect::<Result<_, _>>()
        .map_err(|what: String| format!("error parsing query: {what}"))
}

fn statement(reader: &mut Reader<'_>) -> Result<Statement, String> {
    if reader.take_all("SHOW DATABASES") {
        return Ok(Statement::Databases);
    }
    if reader.take_all("SHOW RETENTION POLICIES") {
        let on = reader.take("ON").then(|| reader.name()).transpose()?;
        return Ok(Statement::Policies { on });
    }
    reader.expect("SELECT")?;
    let wanted = wanted(reader)?;
    reader.expect("FROM")?;
    let (database, policy, measurement) = source(reader)?;
    let mut select = Select {
        wanted,
        database,
        policy,
        measurement,
        tags: Vec::new(),
        range: i64::MIN..i64::MAX,
        by_hour: false,
        newest_first: false,
        limit: usize::MAX,
    };
    if reader.take("WHERE") {
        condition(reader, &mut select)?;
        while reader.take("AND") {
            condition(reader, &mut select)?;
        }
    }
    if reader.take_all("GROUP BY") {
        reader.expect("time ( 1h )")?;
        reader.expect("FILL ( none )")?;
        select.by_hour = true;
    }
    if reader.take_all("ORDER BY time") {
        select.newest_first = reader.take("DESC");
    }
    if reader.take("LIMIT") {
        select.limit = usize::try_from(reader.number()?).map_err(|error| error.to_string())?;
    }
    Ok(Statement::Select(select))
}

fn wanted(reader: &mut Reader<'_>) -> Result<Wanted, String> {
    if !reader.take("count") {
        let mut fields = vec![field(reader)?];
        while reader.take(",") {
            fields.push(field(reader)?);
        }
        return Ok(Wanted::Fields(fields));
    }
    reader.expect("(")?;
    let wanted = if reader.take("*") {
        Wanted::CountAll
    } else {
        let (field, kind) = field(reader)?;
        Wanted::Count { field, kind }
    };
    reader.expect(")")?;
    Ok(wanted)
}

/// `name` or `name::type`.
fn field(reader: &mut Reader<'_>) -> Result<(String, Option<Kind>), String> {
    let name = reader.name()?;
    let kind = reader.take("::").then(|| kind(reader)).transpose()?;
    Ok((name, kind))
}

fn kind(reader: &mut Reader<'_>) -> Result<Kind, String> {
    let word = reader.name()?;
    match word.as_str() {
        "string" => Ok(Kind::Text),
        "integer" => Ok(Kind::Integer),
        "unsigned" => Ok(Kind::Unsigned),
        "float" => Ok(Kind::Float),
        "boolean" => Ok(Kind::Boolean),
        _ => Err(format!("found {word}, expected a type")),
    }
}

/// `m`, `rp.m`, `db.rp.m` or `db..m`.
fn source(reader: &mut Reader<'_>) -> Result<(Option<String>, Option<String>, String), String> {
    let mut parts = vec![Some(reader.name()?)];
    while reader.take(".") {
        if reader.take(".") {
            parts.push(None);
        }
        parts.push(Some(reader.name()?));
    }
    let measurement = parts.pop().flatten().ok_or("no measurement")?;
    let policy = parts.pop().flatten();
    let database = parts.pop().flatten();
    match parts.is_empty() {
        true => Ok((database, policy, measurement)),
        false => Err("too many segments in a name".to_owned()),
    }
}

fn condition(reader: &mut Reader<'_>, select: &mut Select) -> Result<(), String> {
    let column = reader.name()?;
    if column != "time" {
        reader.expect("=")?;
        select.tags.push((column, reader.text()?));
        return Ok(());
    }
    let Token::Sign(sign) = reader.next()? else {
        return Err("expected a comparison of time".to_owned());
    };
    let time = time(reader)?;
    let range = &mut select.range;
    match sign.as_str() {
        ">=" => range.start = range.start.max(time),
        ">" => range.start = range.start.max(time + 1),
        "<" => range.end = range.end.min(time),
        "<=" => range.end = range.end.min(time + 1),
        other => return Err(format!("found {other}, expected a comparison of time")),
    }
    Ok(())
}

fn time(reader: &mut Reader<'_>) -> Result<i64, String> {
    let is_negative = reader.take("-");
    let nanos = match reader.next()? {
        Token::Text(text) => calendar::read(text).ok_or("invalid time")?,
        Token::Word(word) => {
            let unit = word.trim_start_matches(|c: char| c.is_ascii_digit());
            let number = &word[..word.len() - unit.len()];
            let number: i64 = number.parse().map_err(|_| format!("found {word}"))?;
            let of_unit = match unit {
                "" | "ns" => 1,
                "u" | "µ" => 1000,
                "ms" => 1_000_000,
                "s" => SECOND,
                _ => return Err(format!("invalid duration {word}")),
            };
            number.checked_mul(of_unit).ok_or("time out of range")?
        }
        other => return Err(format!("found {other:?}, expected a time")),
    };
    Ok(if is_negative { -nanos } else { nanos })
}
