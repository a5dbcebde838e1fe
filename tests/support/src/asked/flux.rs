//! As much of Flux as counting by the hour takes; anything else is an error of compilation.

use std::iter::Peekable;
use std::ops::Range;
use std::str::Chars;

use crate::points::Point;

/// Where points are counted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Name(String),
    Id(String),
}

/// A pipeline that counts by the hour.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) from: Source,
    /// Seconds since the Unix epoch.
    range: Range<i64>,
    /// Each is to hold: alternatives, each of columns and what they are to be.
    filters: Vec<Vec<Vec<(String, String)>>>,
}

impl Pipeline {
    /// Whether a value of `field` is counted.
    pub(crate) fn takes(&self, point: &Point, field: &str) -> bool {
        let holds = |(column, text): &(String, String)| match column.as_str() {
            "_measurement" => point.measurement == *text,
            "_field" => field == text,
            tag => point
                .tags
                .iter()
                .any(|(name, value)| name == tag && value == text),
        };
        let filter = |ways: &Vec<Vec<_>>| ways.iter().any(|all| all.iter().all(holds));
        self.range.contains(&(point.time / 1_000_000_000)) && self.filters.iter().all(filter)
    }
}

const COUNT: &str =
    r#"aggregateWindow ( every : 1h , fn : count , createEmpty : false , timeSrc : "_start" )"#;
const MAP: &str = "map ( fn : ( r ) = > ( { hour : uint ( v : r._time ) / uint ( v : 1000 ) , points : r._value } ) )";

/// Reads `text`.
///
/// # Errors
/// What is not of the one form that is known.
pub(crate) fn parse(text: &str) -> Result<Pipeline, String> {
    let tokens = tokens(text)?;
    let mut stages = tokens.split(|token| token.is("|>"));
    let mut next = || stages.next().ok_or("the end");
    let from = from(next()?)?;
    let range = range(next()?)?;
    let mut filters = Vec::new();
    let after = loop {
        let stage = next()?;
        if !stage.first().is_some_and(|token| token.is("filter")) {
            break stage;
        }
        filters.push(filter(stage)?);
    };
    for (stage, expected) in [(after, "group ( )"), (next()?, COUNT), (next()?, MAP)] {
        let found = shown(stage);
        if found != expected {
            return Err(found);
        }
    }
    match next() {
        Ok(stage) => Err(shown(stage)),
        Err(_) => Ok(Pipeline {
            from,
            range,
            filters,
        }),
    }
}

fn from(stage: &[Token]) -> Result<Source, String> {
    match stage {
        [from, open, argument @ .., close] if from.is("from") && open.is("(") && close.is(")") => {
            source(argument)
        }
        _ => Err(shown(stage)),
    }
}

/// `bucket: "NAME"` or `bucketID: "ID"`.
pub(super) fn source(argument: &[Token]) -> Result<Source, String> {
    match argument {
        [key, colon, Token::Text(text)] if colon.is(":") && key.is("bucket") => {
            Ok(Source::Name(text.clone()))
        }
        [key, colon, Token::Text(text)] if colon.is(":") && key.is("bucketID") => {
            Ok(Source::Id(text.clone()))
        }
        _ => Err(shown(argument)),
    }
}

fn range(stage: &[Token]) -> Result<Range<i64>, String> {
    let words: Vec<_> = stage.iter().map(Token::shown).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    match words[..] {
        [
            "range",
            "(",
            "start",
            ":",
            start,
            ",",
            "stop",
            ":",
            stop,
            ")",
        ] => {
            let number = |text: &str| text.parse().map_err(|_| shown(stage));
            let (start, stop) = (number(start)?, number(stop)?);
            if start >= stop {
                return Err("cannot query an empty range".to_owned());
            }
            Ok(start..stop)
        }
        _ => Err(shown(stage)),
    }
}

/// `filter(fn: (r) => A and B or C)`, each `r.COLUMN == "TEXT"`, with brackets around what `or` joins at most.
fn filter(stage: &[Token]) -> Result<Vec<Vec<(String, String)>>, String> {
    const HEAD: &str = "filter ( fn : ( r ) = >";
    let head = stage.get(..9).unwrap_or_default();
    if shown(head) != HEAD || !stage.last().is_some_and(|token| token.is(")")) {
        return Err(shown(stage));
    }
    let condition = &stage[9..stage.len() - 1];
    condition
        .split(|token| token.is("or"))
        .map(|way| {
            let way = match way {
                [open, inner @ .., close] if open.is("(") && close.is(")") => inner,
                bare => bare,
            };
            way.split(|token| token.is("and"))
                .map(|equal| match equal {
                    [Token::Word(column), one, two, Token::Text(text)]
                        if one.is("=") && two.is("=") =>
                    {
                        let column = column.strip_prefix("r.").ok_or_else(|| shown(equal))?;
                        Ok((column.to_owned(), text.clone()))
                    }
                    _ => Err(shown(equal)),
                })
                .collect()
        })
        .collect()
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word(String),
    Text(String),
}

impl Token {
    pub(super) fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(own) if own == word)
    }

    fn shown(&self) -> String {
        match self {
            Self::Word(word) => word.clone(),
            Self::Text(text) => format!("{text:?}"),
        }
    }
}

pub(super) fn shown(tokens: &[Token]) -> String {
    let tokens: Vec<_> = tokens.iter().map(Token::shown).collect();
    tokens.join(" ")
}

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            space if space.is_whitespace() => {}
            '"' => tokens.push(Token::Text(literal(&mut rest)?)),
            '|' if rest.peek() == Some(&'>') => {
                rest.next();
                tokens.push(Token::Word("|>".to_owned()));
            }
            word if word.is_ascii_alphanumeric() || word == '_' => {
                let mut whole = String::from(word);
                while let Some(more) =
                    rest.next_if(|more| more.is_ascii_alphanumeric() || matches!(more, '_' | '.'))
                {
                    whole.push(more);
                }
                tokens.push(Token::Word(whole));
            }
            sign => tokens.push(Token::Word(sign.into())),
        }
    }
    Ok(tokens)
}

/// Up to the quote that ends it. What is put into a text (`${…}`) is an error, like an escape that Flux does not have.
fn literal(rest: &mut Peekable<Chars<'_>>) -> Result<String, String> {
    let mut text = String::new();
    loop {
        match rest.next().ok_or("a text without an end")? {
            '"' => return Ok(text),
            '$' if rest.peek() == Some(&'{') => return Err("an undefined identifier".to_owned()),
            '\\' => text.push(match rest.next() {
                Some(same @ ('"' | '\\' | '$')) => same,
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                _ => return Err("an unknown escape".to_owned()),
            }),
            other => text.push(other),
        }
    }
}
