use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::sinks::influxdb::advice::advice;
use crate::sinks::influxdb::answer::{HttpAnswer, Response, decide};
use crate::sinks::influxdb::reason::reason_of;
use crate::sinks::influxdb::text::push_tag_value;
use crate::sinks::{Cause, Outcome, Trouble};

fn answer(status: u16, body: &str) -> Outcome {
    decide(&HttpAnswer::Response(Response {
        status,
        body: body.to_owned(),
        ..Response::default()
    }))
}

/// An outcome without its words.
#[derive(Debug, PartialEq)]
enum Wordless {
    Delivered,
    Later(Trouble),
    Hold,
    TooLarge,
    Refused(Cause, Option<usize>),
}

fn wordless(outcome: Outcome) -> Wordless {
    match outcome {
        Outcome::Delivered => Wordless::Delivered,
        Outcome::RetryLater { trouble, .. } => Wordless::Later(trouble),
        Outcome::Hold { .. } => Wordless::Hold,
        Outcome::TooLarge { .. } => Wordless::TooLarge,
        Outcome::Refused(refusal) => Wordless::Refused(refusal.cause, refusal.dropped),
    }
}

#[test]
fn each_example_is_of_its_form_and_has_its_outcome() {
    for form in KNOWN {
        let (status, body) = form.example;
        let own = reason_of(body).own;
        let of = |form: &&KnownAnswer| form.words.iter().all(|words| own.contains(words));
        assert_eq!(KNOWN.iter().find(of).unwrap().words, form.words, "{body}");
        let outcome = answer(status, body);
        let fits = match (form.means, &outcome) {
            (Content, Outcome::Refused(refusal)) => refusal.cause == Cause::Content,
            (Retention, Outcome::Refused(refusal)) => refusal.cause != Cause::Content,
            (State, Outcome::RetryLater { trouble, .. }) => *trouble == Trouble::Stated,
            (Busy, Outcome::RetryLater { trouble, .. }) => *trouble == Trouble::Busy,
            (Unclear, Outcome::RetryLater { trouble, .. }) => *trouble == Trouble::Unexplained,
            (TooLarge, Outcome::TooLarge { .. }) => true,
            (Fix(fix), Outcome::Hold { reason }) => reason.ends_with(fix),
            _ => false,
        };
        assert!(fits, "{form:?}: {outcome:?}");
    }
}

#[test]
fn the_words_of_a_form_are_in_lower_case_and_its_fix_is_short() {
    for form in KNOWN {
        assert!(!form.words.is_empty());
        for words in form.words {
            assert_eq!(*words, words.to_lowercase());
        }
        if let Fix(fix) = form.means {
            assert!(fix.len() < 200, "{fix}");
        }
    }
}

/// Answers that quote `line` or what follows from it, as servers do, none of which may change what they mean.
fn quoting(line: &str) -> Vec<(u16, String)> {
    let json = |text: &str| Value::from(text).to_string();
    let mut answers = Vec::new();
    for (status, message) in quoting_of_1_and_2(line) {
        answers.push((status, format!(r#"{{"error":{}}}"#, json(&message))));
        let message = json(&message);
        answers.push((status, format!(r#"{{"code":"x","message":{message}}}"#)));
    }
    for message in quoting_of_3(line) {
        let failed = json(&format!("failed to parse line protocol: {message}"));
        answers.push((
            400,
            format!(r#"{{"code":"invalid","message":{failed},"line":1}}"#),
        ));
        let (of_line, line) = (json(&message), json(line));
        let data =
            format!(r#"{{"original_line":{line},"line_number":1,"error_message":{of_line}}}"#);
        for (error, data) in [
            (
                "partial write of line protocol occurred",
                format!("[{data},{data}]"),
            ),
            ("parsing failed for write_lp endpoint", data.clone()),
            (
                "write buffer error: parsing for line protocol failed",
                data.clone(),
            ),
            (
                &format!("write buffer error: line protocol parse failed: {message}"),
                data.clone(),
            ),
            ("line protocol parsing error", data.clone()),
        ] {
            let error = json(error);
            answers.push((400, format!(r#"{{"error":{error},"data":{data}}}"#)));
        }
    }
    answers
}

fn quoting_of_1_and_2(line: &str) -> Vec<(u16, String)> {
    let mut series = b"ollama_logs,host=".to_vec();
    push_tag_value(line, &mut series);
    let series = String::from_utf8(series).unwrap();
    let failed = format!(
        "unable to parse '{line}': missing fields\nunable to parse '{line}': bad timestamp"
    );
    let dropped = "at 2026-01-01T00:00:00Z dropped because it violates a Retention Policy Lower Bound at 2026-11-26T15:00:00Z";
    vec![
        (400, failed.clone()),
        (400, format!("partial write: {failed} dropped=0")),
        (
            400,
            format!("partial write: key contains invalid unicode: \"{series}\" dropped=2"),
        ),
        (
            422,
            format!(
                "failure writing points to database: partial write: dropped 2 points outside retention policy of duration 1h0m0s - \
                 oldest point {series} {dropped}, newest point {series} {dropped} dropped=2 for database: 0c8f for retention policy: autogen"
            ),
        ),
        (500, format!("max series per database exceeded: {series}")),
        (
            400,
            format!(
                "partial write: max-values-per-tag limit exceeded (1/1): measurement=\"m\" tag=\"host\" value={line:?} dropped=2"
            ),
        ),
    ]
}

fn quoting_of_3(line: &str) -> Vec<String> {
    vec![
        "No fields were provided".to_owned(),
        "invalid column type for column 'v', expected iox::column_type::field::string, got iox::column_type::field::float".to_owned(),
        "Update to schema would exceed number of tables limit of 2000 tables".to_owned(),
        format!("Could not parse entire line. Found trailing content: '{line}'"),
        format!("Must not contain duplicate tags, but \"{line}\" was repeated"),
        format!("Unable to parse timestamp value `{line}`"),
        format!("Expected at least one space character, got `{line}`"),
        format!("Tag set malformed: could not find equals sign in `{line}`"),
    ]
}

/// Lines made of what could be mistaken for the server's words.
fn lines() -> impl Strategy<Value = String> {
    let words: Vec<_> = KNOWN.iter().flat_map(|form| form.words).copied().collect();
    let examples: Vec<_> = KNOWN.iter().map(|form| form.example.1).collect();
    let signs = [
        "'",
        "\"",
        "`",
        "\\",
        "\n",
        "': ",
        "\": ",
        " at ",
        "\\\" ",
        " dropped=9",
        "dropped=9",
        " dropped=9 for database: a",
        ", got ",
        "oldest point ",
        "<",
        "{\"error\":\"",
        "\",\"error\":\"",
        "Upper Bound",
        "ü",
        " ",
    ];
    let piece = prop_oneof![
        proptest::sample::select(words).prop_map(str::to_owned),
        proptest::sample::select(words_in_capitals()),
        proptest::sample::select(examples).prop_map(str::to_owned),
        proptest::sample::select(signs.to_vec()).prop_map(str::to_owned),
        "\\PC{0,5}",
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn words_in_capitals() -> Vec<String> {
    let words = KNOWN.iter().flat_map(|form| form.words);
    words.map(|words| words.to_uppercase()).collect()
}

proptest! {
    #[test]
    fn what_a_line_says_never_changes_what_an_answer_means(line in lines()) {
        for ((status, plain), (_, quoting)) in quoting("x").iter().zip(&quoting(&line)) {
            let expected = wordless(answer(*status, plain));
            prop_assert_eq!(wordless(answer(*status, quoting)), expected, "{}", quoting);
        }
    }

    #[test]
    fn a_long_answer_that_is_cut_off_means_the_same(line in lines(), cut in 300_usize..3000) {
        let long = format!("{line}{}", "a".repeat(3000));
        for (status, whole) in quoting(&long) {
            let Wordless::Refused(cause, _) = wordless(answer(status, &whole)) else {
                continue;
            };
            let (start, _) = whole.as_bytes().split_at(cut.min(whole.len()));
            let found = wordless(answer(status, &String::from_utf8_lossy(start)));
            prop_assert!(matches!(&found, Wordless::Refused(as_cut, _) if *as_cut == cause), "{:?}: {}", found, whole);
        }
    }
}

/// docs/answers.md.
fn document() -> String {
    let mut text = "\
# Answers

What the answers of InfluxDB to a write mean. 204 is the only success. Lines are refused only by an answer that stands under
\"Some lines\" here, with a status of 400, 422 or 500; of several forms that fit the upper one counts. Only the server's own words are
looked at, whatever their case: what it quotes of a line is cut before. Any other 4xx waits for an operator, and its words are in `shipper status`;
any other 5xx, a timeout or a closed connection is tried again, in smaller parts too. 408, 425, 429 and 503 are tried again after the time in
`Retry-After`, 413 at once in smaller parts, and 401, 403 and 407 wait for an operator whatever they say. A page of HTML, or a success other than
204, is not InfluxDB's.

| meaning | words of the server | versions | example |
|---|---|---|---|
"
    .to_owned();
    for form in KNOWN {
        let (status, body) = form.example;
        let means = match form.means {
            Content => "**Some lines**: their content".to_owned(),
            Retention => "**Some lines**: older than the bucket keeps".to_owned(),
            State => "The server's state: again later".to_owned(),
            Busy => "The server is busy: again later".to_owned(),
            Unclear => "Again later, in smaller parts too".to_owned(),
            TooLarge => "Too large: in smaller parts".to_owned(),
            Fix(fix) => format!("Waits: {fix}"),
        };
        let fix = advice(&reason_of(body)).fix;
        let means = means + &fix.map_or_else(String::new, |fix| format!("; {fix}"));
        let words = form.words.join("` … `");
        let body = body.trim_end().replace('\n', "\\n").replace('|', "\\|");
        text += &format!(
            "| {means} | `{}` | {} | {status} `` {body} `` |\n",
            words.trim_end(),
            form.versions
        );
    }
    text
}

#[test]
fn the_document_is_that_of_the_table() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/answers.md");
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::write(&path, document()).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == document(),
        "docs/answers.md is not what src/sinks/influxdb/known.rs says; to write it: WRITE_DOCS=1 cargo test --lib known"
    );
}
