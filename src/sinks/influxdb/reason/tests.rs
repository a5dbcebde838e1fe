use super::*;

#[test]
fn every_version_s_words_are_found() {
    let version_3 = r#"{"error":"partial write of line protocol occurred","data":[{"original_line":"x","line_number":1,"error_message":"bad"}]}"#;
    for (body, text) in [
        (r#"{"error":"a"}"#, "a"),
        (r#"{"code":"invalid","message":"b"}"#, "b"),
        (version_3, "partial write of line protocol occurred: bad"),
        ("  plain\nwords ", "plain words"),
        ("", ""),
        (r#"{"error":"c","data":null}"#, "c"),
        (r#"{"code":"x","message":"d","op":"o","error":"e"}"#, "d: e"),
        (
            r#"{"error":"f","data":{"original_line":"x","line_number":1,"error_message":"g"}}"#,
            "f: g",
        ),
        (r#"{"error":"h: i","data":{"error_message":"i"}}"#, "h: i"),
        (r#"{"error":"a \"b\" \u00e4"}"#, "a \"b\" ä"),
        (r#"{"other":"a"}"#, r#"{"other":"a"}"#),
    ] {
        assert_eq!(reason_of(body).text, text);
    }
}

#[test]
fn a_body_that_is_cut_off_says_what_is_there() {
    let body = r#"{"code":"invalid","message":"say \"ä\ud83d\ude00\" twice"}"#;
    let whole = reason_of(body).text;
    let start = body.find("say").unwrap();
    for (end, _) in body.char_indices().skip(start + 1) {
        let text = reason_of(&body[..end]).text;
        assert!(!text.is_empty() && whole.starts_with(&text), "{text}");
    }
    let body = r#"{"error":"a","data":[{"original_line":"b","line_number":1,"error_message":"c"#;
    assert_eq!(reason_of(body).text, "a: c");
    assert_eq!(reason_of(&body[..40]).text, "a");
}

#[test]
fn only_the_server_s_own_count_counts() {
    let dropped = |words: &str| reason_of(words).dropped();
    let for_database = "partial write: a dropped=3 for database: 0c for retention policy: autogen";
    assert_eq!(dropped(for_database), Some(3));
    assert_eq!(
        dropped("partial write: a \"b dropped=9\" dropped=2"),
        Some(2)
    );
    assert_eq!(dropped("partial write: a \"b dropped=9\""), None);
    assert_eq!(dropped("unable to parse 'a': b dropped=9"), None);
    assert_eq!(dropped("partial write: a dropped=0"), None);
}

#[test]
fn the_span_that_a_bucket_keeps_is_read() {
    let keeps = |words: &str| reason_of(words).keeps();
    let words = "dropped 3 points outside retention policy of duration 1h0m0s - oldest";
    assert_eq!(keeps(words), Some("1h0m0s".to_owned()));
    assert_eq!(keeps("points beyond retention policy dropped=7"), None);
    assert_eq!(keeps("retention policy of duration unknown"), None);
    assert_eq!(keeps("retention policy of duration "), None);
}

#[test]
fn named_lines_and_counts_are_read() {
    let hash = "0f".repeat(32);
    let reason = reason_of(&format!(
        "unable to parse 'ollama_logs,host=a,msg_hash={hash},source=systemd x': bad dropped=0"
    ));
    assert_eq!(reason.named, [MsgHash([0x0f; 32])]);
    assert_eq!(reason.dropped(), None);
    assert_eq!(reason_of("partial write: x dropped=12").dropped(), Some(12));
    let outside = "partial write: dropped 3 points outside";
    assert_eq!(reason_of(outside).dropped(), Some(3));
    assert_eq!(reason_of("a dropped=").dropped(), None);
    let huge = "a dropped=99999999999999999999999";
    assert_eq!(reason_of(huge).dropped(), None);
}

#[test]
fn every_line_that_version_3_lists_is_named() {
    let line = |digit: &str| {
        format!(
            r#"{{"original_line":"ollama_logs,msg_hash={} x","line_number":1,"error_message":"bad"}}"#,
            digit.repeat(64)
        )
    };
    let body = format!(
        r#"{{"error":"partial write","data":[{},{}]}}"#,
        line("1"),
        line("2")
    );
    assert_eq!(
        reason_of(&body).named,
        [MsgHash([0x11; 32]), MsgHash([0x22; 32])]
    );
}

#[test]
fn a_reason_is_one_bounded_line() {
    let reason = reason_of(&"ü\n".repeat(100_000));
    assert_eq!(reason.text.chars().count(), MAX_CHARS + 1);
    assert!(!reason.text.contains('\n'));
}
