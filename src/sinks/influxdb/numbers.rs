//! The line numbers that an error body of 3.x gives, read while it comes: it has an object for every refused line, and may be
//! larger than anything that is to be kept of it.

use super::json::{Found, JsonWalk};
use crate::sinks::NumberedLine;

/// Lines taken from one answer at most. Those after them are found in the next one, once these are set apart.
const MAX_NUMBERED: usize = 10_000;

/// Bytes that are kept of what is said of one line.
const MAX_REASON: usize = 300;

/// The lines that were numbered so far.
#[derive(Debug)]
pub(super) struct Numbers {
    walk: JsonWalk,
    lines: Vec<NumberedLine>,
    number: Option<u64>,
    reason: String,
}

impl Numbers {
    /// Of a body of which nothing has come.
    pub(super) fn new() -> Self {
        Self {
            walk: JsonWalk::new(MAX_REASON),
            lines: Vec::new(),
            number: None,
            reason: String::new(),
        }
    }

    /// Reads the next piece. Whether there may be more to learn from what follows.
    pub(super) fn feed(&mut self, piece: &[u8]) -> bool {
        let Self {
            walk,
            lines,
            number,
            reason,
        } = self;
        walk.feed(piece, &mut |found| match found {
            Found::Number {
                name: "line_number",
                number: of,
            } => *number = Some(of),
            Found::Text {
                name: "error_message",
                text,
            } => *reason = text,
            Found::ObjectEnd => {
                let reason = std::mem::take(reason);
                let number = number
                    .take()
                    .and_then(|number| usize::try_from(number).ok());
                if let Some(number) = number.filter(|_| lines.len() < MAX_NUMBERED) {
                    lines.push(NumberedLine { number, reason });
                }
            }
            Found::Number { .. } | Found::Text { .. } => {}
        });
        self.lines.len() < MAX_NUMBERED
    }

    /// All lines that were numbered, in the order of the body.
    pub(super) fn into_lines(self) -> Vec<NumberedLine> {
        self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(body: &str) -> Vec<(usize, String)> {
        let mut numbers = Numbers::new();
        for piece in body.as_bytes().chunks(1000) {
            if !numbers.feed(piece) {
                break;
            }
        }
        let lines = numbers.into_lines().into_iter();
        lines.map(|line| (line.number, line.reason)).collect()
    }

    #[test]
    fn each_numbered_line_is_found_in_whatever_order_its_parts_stand() {
        let body = r#"{"error":"partial write of line protocol occurred","data":[
            {"original_line":"a","line_number":2,"error_message":"No fields were provided"},
            {"error_message":"bad","line_number":5,"original_line":"m,line_number=9"}]}"#;
        let expected = [(2, "No fields were provided"), (5, "bad")];
        let expected = expected.map(|(number, reason)| (number, reason.to_owned()));
        assert_eq!(numbers(body), expected);
        let one = r#"{"error":"parsing failed","data":{"original_line":"m v= 1","line_number":1,"error_message":"x"}}"#;
        assert_eq!(numbers(one), [(1, "x".to_owned())]);
        for none in [
            "",
            "<html>",
            r#"{"error":"a"}"#,
            r#"{"line_number":-4}"#,
            r#"{"line_number":"7"}"#,
        ] {
            assert_eq!(numbers(none), [], "{none}");
        }
    }

    #[test]
    fn a_body_with_more_lines_than_are_kept_is_read_no_further() {
        let line =
            r#"{"original_line":"aaaaaaaaaaaaaaaaaaaa","line_number":1,"error_message":"bad"}"#;
        let body = format!(
            r#"{{"error":"x","data":[{}]}}"#,
            vec![line; 2 * MAX_NUMBERED].join(",")
        );
        assert_eq!(numbers(&body).len(), MAX_NUMBERED);
    }
}
