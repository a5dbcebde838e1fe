//! Tokens of InfluxQL and SQL, and a reader over them.

/// How a quote is written inside quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escape {
    /// `\"`: InfluxQL.
    Backslash,
    /// `""`: SQL.
    Doubled,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A keyword, a bare name or a number with its unit.
    Word(String),
    /// In double quotes: a name.
    Name(String),
    /// In single quotes: a text.
    Text(String),
    /// Any other sign, `>=`, `<=`, `<>`, `!=` and `::` as one.
    Sign(String),
}

/// # Errors
/// A quote that is not closed.
pub(super) fn tokens(text: &str, escape: Escape) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            space if space.is_whitespace() => {}
            quote @ ('"' | '\'') => {
                let mut whole = String::new();
                loop {
                    match rest.next().ok_or("a quote that is not closed")? {
                        '\\' if escape == Escape::Backslash => {
                            whole.push(rest.next().ok_or("a quote that is not closed")?);
                        }
                        end if end == quote => {
                            if escape == Escape::Backslash || rest.next_if_eq(&quote).is_none() {
                                break;
                            }
                            whole.push(quote);
                        }
                        other => whole.push(other),
                    }
                }
                tokens.push(match quote {
                    '"' => Token::Name(whole),
                    _ => Token::Text(whole),
                });
            }
            word if word.is_alphanumeric() || word == '_' => {
                let mut whole = String::from(word);
                while let Some(more) = rest.next_if(|more| more.is_alphanumeric() || *more == '_') {
                    whole.push(more);
                }
                tokens.push(Token::Word(whole));
            }
            sign => {
                let mut whole = String::from(sign);
                let second = rest.next_if(|&next| {
                    matches!(
                        (sign, next),
                        ('>' | '<' | '!', '=') | ('<', '>') | (':', ':')
                    )
                });
                whole.extend(second);
                tokens.push(Token::Sign(whole));
            }
        }
    }
    Ok(tokens)
}

/// What is still to be read.
pub(super) struct Reader<'a>(&'a [Token]);

impl<'a> Reader<'a> {
    pub(super) fn new(tokens: &'a [Token]) -> Self {
        Self(tokens)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn next(&mut self) -> Result<&'a Token, String> {
        let (first, rest) = self.0.split_first().ok_or("found EOF")?;
        self.0 = rest;
        Ok(first)
    }

    /// Takes a keyword or a sign if it comes next, whatever its case.
    pub(super) fn take(&mut self, word: &str) -> bool {
        let is_next = matches!(self.0.first(), Some(Token::Word(own) | Token::Sign(own)) if own.eq_ignore_ascii_case(word));
        if is_next {
            self.0 = &self.0[1..];
        }
        is_next
    }

    /// Takes all of `words`, separated by blanks, or nothing.
    pub(super) fn take_all(&mut self, words: &str) -> bool {
        let before = self.0;
        let is_next = words.split(' ').all(|word| self.take(word));
        if !is_next {
            self.0 = before;
        }
        is_next
    }

    /// # Errors
    /// What comes instead.
    pub(super) fn expect(&mut self, words: &str) -> Result<(), String> {
        if self.take_all(words) {
            return Ok(());
        }
        Err(format!("found {:?}, expected {words}", self.0.first()))
    }

    /// A bare or a quoted name.
    pub(super) fn name(&mut self) -> Result<String, String> {
        match self.next()? {
            Token::Word(name) | Token::Name(name) => Ok(name.clone()),
            other => Err(format!("found {other:?}, expected identifier")),
        }
    }

    pub(super) fn text(&mut self) -> Result<String, String> {
        match self.next()? {
            Token::Text(text) => Ok(text.clone()),
            other => Err(format!("found {other:?}, expected string")),
        }
    }

    pub(super) fn number(&mut self) -> Result<i64, String> {
        let is_negative = self.take("-");
        match self.next()? {
            Token::Word(digits) => {
                let number: i64 = digits.parse().map_err(|_| format!("found {digits}"))?;
                Ok(if is_negative { -number } else { number })
            }
            other => Err(format!("found {other:?}, expected number")),
        }
    }
}
