use super::*;

#[test]
fn beyond_the_retention_is_422_with_the_oldest_and_the_newest_point() {
    let server = server();
    server.set_retention("logs", 3600, 3600);
    let young = now() - 60_000_000_000;
    let lines = format!(
        "m,host=a v=1 1767225600000000000\nm,host=a v=1 1767312000000000000\nm,host=a v=1 1767312000000000001\nm v=1 {young}"
    );
    let answer = told(&server, V2, &lines);
    for words in [
        "failure writing points to database: partial write: dropped 3 points outside retention policy of duration 1h0m0s - oldest point m,host=a at 2026-01-01T00:00:00Z dropped because it violates a Retention Policy Lower Bound at 20",
        ", newest point m,host=a at 2026-01-02T00:00:00.000000001Z dropped because it violates a Retention Policy Lower Bound at 20",
        " dropped=3 for database: 00000000000000b1 for retention policy: autogen",
    ] {
        expect(&answer, 422, words);
    }
    assert_eq!(stored(&server), 1);
}

#[test]
fn dropped_counts_one_shard_only() {
    let server = hourly();
    told(&server, V2, &format!("m v=\"x\" 1\nm v=\"x\" {HOUR}"));
    let later = HOUR + 1;
    let lines = format!(
        "m v=1 2\nm v=1 3\nm v=1 {later}\nm v=1 {}\nm v=1 {}",
        later + 1,
        later + 2
    );
    let answer = told(&server, V2, &lines);
    expect(&answer, 422, "already exists as type string dropped=3");
    assert_eq!(stored(&server), 2);
}

#[test]
fn a_conflict_hides_what_is_beyond_the_retention() {
    let server = server();
    server.set_retention("logs", 3600, 3600);
    let young = now() - 60_000_000_000;
    told(&server, V2, &format!("m v=\"x\" {young}"));
    let answer = told(&server, V2, &format!("m v=1 1\nm v=1 {young}"));
    expect(&answer, 422, "field type conflict");
    assert!(!answer.body.contains("retention"));
}

#[test]
fn a_line_too_old_is_stored_if_a_newer_one_of_the_request_shares_its_shard() {
    let server = server();
    server.set_retention("logs", 3600, 7 * 86_400);
    let (old, young) = (now() - 2 * HOUR, now() - 60_000_000_000);
    let week = 7 * 24 * HOUR;
    if old / week != young / week {
        crate::loud("SKIPPED: a week of shards has just begun");
        return;
    }
    let answer = told(&server, V2, &format!("m v=1 {old}"));
    expect(&answer, 422, "outside retention policy");
    expect(
        &told(&server, V2, &format!("m v=1 {old}\nm v=1 {young}")),
        204,
        "",
    );
    assert_eq!(stored(&server), 2);
}
