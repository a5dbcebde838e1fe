//! SQL: as much as asking for tables, columns, databases, and points by the hour takes. Any other is an error.

use super::super::calendar;
use super::super::lexer::{Escape, Reader, Token, tokens};

/// What is selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    All,
    Column(String),
    /// `date_bin(INTERVAL '1 hour', time)`.
    Hour,
    /// Of a column, or of rows.
    Count(Option<String>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Literal {
    Text(String),
    /// Nanoseconds.
    Time(i64),
    Number(i64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) column: String,
    pub(super) sign: String,
    pub(super) value: Literal,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    /// Each with its name in the answer.
    pub(super) items: Vec<(Item, String)>,
    /// Schema and table.
    pub(super) from: (Option<String>, String),
    pub(super) conditions: Vec<Condition>,
    /// A place, from 1, or a name.
    pub(super) group: Option<String>,
    pub(super) is_ordered: bool,
}

/// # Errors
/// What is not of the forms that are known.
pub(super) fn parse(text: &str) -> Result<Query, String> {
    let tokens = tokens(text, Escape::Doubled)?;
    let reader = &mut Reader::new(&tokens);
    reader.expect("SELECT")?;
    let mut items = vec![item(reader)?];
    while reader.take(",") {
        items.push(item(reader)?);
    }
    reader.expect("FROM")?;
    let first = name(reader)?;
    let from = match reader.take(".") {
        true => (Some(first), name(reader)?),
        false => (None, first),
    };
    let mut conditions = Vec::new();
    if reader.take("WHERE") {
        conditions.push(condition(reader)?);
        while reader.take("AND") {
            conditions.push(condition(reader)?);
        }
    }
    let group = reader.take_all("GROUP BY").then(|| name(reader));
    let group = group.transpose()?;
    let is_ordered = reader.take_all("ORDER BY");
    if is_ordered {
        name(reader)?;
        reader.take("ASC");
    }
    reader.take(";");
    if !reader.is_at_end() {
        return Err(format!(
            "Expected: end of statement, found: {:?}",
            reader.next()?
        ));
    }
    Ok(Query {
        items,
        from,
        conditions,
        group,
        is_ordered,
    })
}

/// A bare name is one in small letters.
fn name(reader: &mut Reader<'_>) -> Result<String, String> {
    match reader.next()? {
        Token::Word(word) => Ok(word.to_lowercase()),
        Token::Name(name) => Ok(name.clone()),
        other => Err(format!("Expected: identifier, found: {other:?}")),
    }
}

fn item(reader: &mut Reader<'_>) -> Result<(Item, String), String> {
    let (item, otherwise) = if reader.take("*") {
        (Item::All, "*".to_owned())
    } else if reader.take_all("date_bin ( INTERVAL") {
        let width = reader.text()?;
        if !matches!(width.as_str(), "1 hour" | "1 hours") {
            return Err(format!("an interval of {width}"));
        }
        reader.expect(", time )")?;
        (Item::Hour, "date_bin".to_owned())
    } else if reader.take_all("count ( *") || reader.take_all("count ( 1") {
        reader.expect(")")?;
        (Item::Count(None), "count(*)".to_owned())
    } else if reader.take_all("count (") {
        let column = name(reader)?;
        reader.expect(")")?;
        let otherwise = format!("count({column})");
        (Item::Count(Some(column)), otherwise)
    } else {
        let column = name(reader)?;
        (Item::Column(column.clone()), column)
    };
    let alias = reader.take("AS").then(|| name(reader)).transpose()?;
    Ok((item, alias.unwrap_or(otherwise)))
}

fn condition(reader: &mut Reader<'_>) -> Result<Condition, String> {
    let column = name(reader)?;
    let sign = match reader.next()? {
        Token::Sign(sign) if ["=", ">=", "<=", ">", "<"].contains(&sign.as_str()) => sign.clone(),
        other => return Err(format!("Expected: a comparison, found: {other:?}")),
    };
    let value = if reader.take("TIMESTAMP") {
        let text = reader.text()?;
        let time = calendar::read(&text);
        Literal::Time(time.ok_or_else(|| format!("Error parsing timestamp from '{text}'"))?)
    } else {
        match reader.next()? {
            Token::Text(text) => Literal::Text(text.clone()),
            Token::Word(word) => Literal::Number(
                word.parse()
                    .map_err(|_| format!("Expected: an expression, found: {word}"))?,
            ),
            other => return Err(format!("Expected: an expression, found: {other:?}")),
        }
    };
    Ok(Condition {
        column,
        sign,
        value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_have_any_case_and_names_in_quotes_keep_theirs() {
        let query = parse(
            "select DATE_BIN( interval '1 hour' , time ) as hour, count(\"Field\") AS points from \"a \"\"b\"\"\" \
             where \"host\" = 'it''s' and time >= timestamp '2026-11-26T17:00:00Z' group by 1",
        )
        .unwrap();
        assert_eq!(query.from, (None, "a \"b\"".to_owned()));
        assert_eq!(query.items[0], (Item::Hour, "hour".to_owned()));
        let counted = Item::Count(Some("Field".to_owned()));
        assert_eq!(query.items[1], (counted, "points".to_owned()));
        assert_eq!(query.conditions[0].value, Literal::Text("it's".to_owned()));
        assert!(matches!(query.conditions[1].value, Literal::Time(_)));
        assert_eq!(query.group.as_deref(), Some("1"));
    }

    #[test]
    fn any_other_form_is_an_error() {
        for wrong in [
            "DROP TABLE m",
            "SELECT a FROM b WHERE c LIKE 'd'",
            "SELECT a FROM b; SELECT a FROM b",
            "SELECT a FROM b WHERE c = 'd",
            "SELECT date_bin(INTERVAL '1 day', time) FROM b",
            "SELECT a FROM b OR c",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
