//! As much of Flux as counting series takes: `influxdb.cardinality` over all time; anything else is an error of compilation.

use std::collections::HashSet;

use super::flux::{Source, Token, shown, source, tokens};
use crate::points::{Point, Points};

/// What is counted.
#[derive(Debug)]
pub(crate) struct Cardinality {
    pub(crate) from: Source,
    /// Column, what it is compared with, and whether it has to be that.
    conditions: Vec<(String, String, bool)>,
}

/// How every such text begins.
const HEAD: &str = r#"import "influxdata/influxdb" influxdb.cardinality ("#;
const START: &str = ", start : 1970 - 01 - 01T00 : 00 : 00Z , predicate : ( r ) = >";
const KEEP: &str = r#"keep ( columns : [ "_value" ] )"#;

/// Reads `text`; `None` when it begins otherwise.
pub(crate) fn parse(text: &str) -> Option<Result<Cardinality, String>> {
    let tokens = tokens(text).ok()?;
    let rest = after(&tokens, HEAD)?;
    Some(read(rest))
}

fn read(rest: &[Token]) -> Result<Cardinality, String> {
    let (argument, rest) = rest.split_at_checked(3).ok_or("the end")?;
    let rest = after(rest, START).ok_or_else(|| shown(rest))?;
    let mut stages = rest.split(|token| token.is("|>"));
    let call = stages.next().unwrap_or_default();
    let keep = stages.next().map(shown);
    if keep.as_deref() != Some(KEEP) || stages.next().is_some() {
        return Err(shown(rest));
    }
    let condition = match call {
        [condition @ .., close] if close.is(")") => condition,
        _ => return Err(shown(call)),
    };
    let conditions = condition.split(|token| token.is("and")).map(compared);
    Ok(Cardinality {
        from: source(argument)?,
        conditions: conditions.collect::<Result<_, _>>()?,
    })
}

fn compared(tokens: &[Token]) -> Result<(String, String, bool), String> {
    match tokens {
        [Token::Word(column), sign, equal, Token::Text(text)]
            if equal.is("=") && (sign.is("=") || sign.is("!")) =>
        {
            let column = column.strip_prefix("r.").ok_or_else(|| shown(tokens))?;
            Ok((column.to_owned(), text.clone(), sign.is("=")))
        }
        _ => Err(shown(tokens)),
    }
}

fn after<'a>(tokens: &'a [Token], words: &str) -> Option<&'a [Token]> {
    (1..=tokens.len())
        .find(|&end| shown(&tokens[..end]) == words)
        .map(|end| &tokens[end..])
}

impl Cardinality {
    /// How many series there are: one for each field of a set of tags.
    pub(crate) fn count(&self, points: &Points) -> usize {
        let series: HashSet<_> = points
            .iter()
            .flat_map(|point| point.fields.iter().map(move |(field, _)| (point, field)))
            .filter(|(point, field)| self.holds(point, field))
            .map(|(point, field)| (&point.series, field))
            .collect();
        series.len()
    }

    fn holds(&self, point: &Point, field: &str) -> bool {
        let tag = |name: &str| {
            let found = point.tags.iter().find(|(tag, _)| tag == name);
            found.map_or("", |(_, value)| value)
        };
        self.conditions.iter().all(|(column, text, is_equal)| {
            let value = match column.as_str() {
                "_measurement" => &point.measurement,
                "_field" => field,
                name => tag(name),
            };
            (value == text) == *is_equal
        })
    }
}
