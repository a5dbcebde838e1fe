use super::*;

/// What is told apart in the table below.
#[derive(Debug, PartialEq)]
enum Is {
    Delivered,
    Later(Trouble, Option<u64>),
    Hold,
    TooLarge,
    Refused(Cause, Option<usize>),
}

fn is(outcome: Outcome) -> Is {
    match outcome {
        Outcome::Delivered => Is::Delivered,
        Outcome::RetryLater { after, trouble, .. } => {
            Is::Later(trouble, after.map(|after| after.as_secs()))
        }
        Outcome::Hold { reason } => {
            assert!(!reason.is_empty());
            Is::Hold
        }
        Outcome::TooLarge { .. } => Is::TooLarge,
        Outcome::Refused(refusal) => Is::Refused(refusal.cause, refusal.dropped),
    }
}

#[test]
fn every_answer_has_its_outcome() {
    use Cause::Content;
    use Trouble::{Busy, Stated, Unexplained};
    let beyond = |keeps: Option<&str>| Cause::BeyondRetention {
        keeps: keeps.map(str::to_owned),
    };
    let later = |trouble| Is::Later(trouble, Some(5));
    let html = "<html><body>Welcome to the hotel</body></html>";
    let conflict = r#"{"error":"partial write: field type conflict: input field \"message\" on measurement \"ollama_logs\" is type string, already exists as type float dropped=2"}"#;
    let retention = r#"{"error":"partial write: points beyond retention policy dropped=7"}"#;
    let retention_2 = r#"{"code":"unprocessable entity","message":"failure writing points to database: partial write: dropped 3 points outside retention policy of duration 1h0m0s"}"#;
    let parse_1 =
        r#"{"error":"partial write: unable to parse 'a v= 1': missing field value dropped=0"}"#;
    let parse_2 = r#"{"code":"invalid","message":"unable to parse 'a v= 1': missing field value"}"#;
    let tags = r#"{"error":"partial write: max-values-per-tag limit exceeded (100000/100000): measurement=\"ollama_logs\" tag=\"msg_hash\" value=\"ab\" dropped=1"}"#;
    let full = r#"{"error":"partial write: write /data/1.wal: no space left on device dropped=0"}"#;
    for (status, body, expected) in [
        (204, "", Is::Delivered),
        (200, "", Is::Hold),
        (200, html, Is::Hold),
        (201, "", Is::Hold),
        (202, "", Is::Hold),
        (206, "", Is::Hold),
        (301, "", Is::Hold),
        (302, html, Is::Hold),
        (307, "", Is::Hold),
        (308, "", Is::Hold),
        (400, html, Is::Hold),
        (400, "", Is::Hold),
        (400, r#"{"error":"anything else"}"#, Is::Hold),
        (
            422,
            r#"{"error":"partial write: anything dropped=1"}"#,
            Is::Hold,
        ),
        (400, conflict, Is::Refused(Content, Some(2))),
        (400, retention, Is::Refused(beyond(None), Some(7))),
        (400, parse_1, Is::Refused(Content, None)),
        (400, parse_2, Is::Refused(Content, None)),
        (400, tags, Is::Hold),
        (400, full, later(Stated)),
        (400, r#"{"error":"database is required"}"#, Is::Hold),
        (401, "", Is::Hold),
        (402, "", Is::Hold),
        (403, "", Is::Hold),
        (404, r#"{"error":"database not found: \"nope\""}"#, Is::Hold),
        (404, html, Is::Hold),
        (404, conflict, Is::Hold),
        (405, "", Is::Hold),
        (405, conflict, Is::Hold),
        (407, html, Is::Hold),
        (408, "", later(Busy)),
        (411, "", Is::Hold),
        (413, html, Is::TooLarge),
        (413, r#"{"error":"Request Entity Too Large"}"#, Is::TooLarge),
        (415, "", Is::Hold),
        (
            422,
            retention_2,
            Is::Refused(beyond(Some("1h0m0s")), Some(3)),
        ),
        (422, html, Is::Hold),
        (425, "", later(Busy)),
        (429, "", later(Busy)),
        (500, "", later(Unexplained)),
        (500, html, later(Unexplained)),
        (500, r#"{"error":"engine is closed"}"#, later(Stated)),
        (500, conflict, Is::Refused(Content, Some(2))),
        (500, full, later(Stated)),
        (
            500,
            r#"{"error":"retention policy not found: rp"}"#,
            Is::Hold,
        ),
        (
            500,
            r#"{"error":"partial write: anything"}"#,
            later(Unexplained),
        ),
        (502, html, later(Unexplained)),
        (503, "", later(Busy)),
        (504, html, later(Unexplained)),
        (599, "", later(Unexplained)),
        (600, "", Is::Hold),
    ] {
        let answer = HttpAnswer::Response(Response {
            status,
            retry_after: Some(Duration::from_secs(5)),
            body: body.to_owned(),
            ..Response::default()
        });
        assert_eq!(is(decide(&answer)), expected, "HTTP {status}: {body}");
    }
    let text = || "text".to_owned();
    for (failure, expected) in [
        (Failure::Timeout, Is::Later(Unexplained, None)),
        (Failure::Connection(text()), Is::Later(Unexplained, None)),
        (Failure::Dns(text()), Is::Hold),
        (Failure::Certificate(text()), Is::Hold),
        (Failure::Setting(text()), Is::Hold),
    ] {
        assert_eq!(is(decide(&HttpAnswer::Failed(failure))), expected);
    }
}

#[test]
fn a_hold_says_what_to_fix() {
    let hold = |status| {
        let response = Response {
            status,
            ..Response::default()
        };
        match decide(&HttpAnswer::Response(response)) {
            Outcome::Hold { reason } => reason,
            other => panic!("{other:?}"),
        }
    };
    assert!(hold(401).contains("INFLUXDB_TOKEN"));
    assert!(hold(404).contains("INFLUXDB_BUCKET"));
    assert!(hold(302).contains("INFLUXDB_URL"));
}

#[test]
fn a_body_without_points_is_missed_only_where_all_else_is_right() {
    let empty = |status, body: &str| {
        decide_empty(&HttpAnswer::Response(Response {
            status,
            body: body.to_owned(),
            ..Response::default()
        }))
    };
    let missed_by_3 = "write buffer error: incoming write was empty";
    let missed_by_2 = r#"{"code":"invalid","message":"writing requires points"}"#;
    for (status, body, expected) in [
        (204, "", Is::Delivered),
        (400, missed_by_3, Is::Delivered),
        (400, missed_by_2, Is::Delivered),
        (401, missed_by_3, Is::Hold),
        (404, "", Is::Hold),
        (400, r#"{"error":"database is required"}"#, Is::Hold),
    ] {
        assert_eq!(is(empty(status, body)), expected, "HTTP {status}: {body}");
    }
    let failed = HttpAnswer::Failed(Failure::Timeout);
    assert_eq!(decide_empty(&failed), decide(&failed));
}

#[test]
fn the_longest_reason_is_short() {
    let long = "ü".repeat(100_000);
    for status in [204, 302, 400, 401, 404, 405, 413, 422, 429, 500, 502] {
        let answer = HttpAnswer::Response(Response {
            status,
            body: long.clone(),
            ..Response::default()
        });
        assert!(decide(&answer).into_reason().chars().count() < 1000);
    }
}
