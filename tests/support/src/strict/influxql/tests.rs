use super::*;
use crate::points::lines;

fn asked(statement: &str) -> Option<Value> {
    let held: Vec<_> = lines(
        "m,host=a message=\"one\",n=1i 10\nm,host=b message=\"two\" 20\nm,host=a message=3 3600000000000",
    )
    .map(Result::unwrap)
    .collect();
    let parsed = statements(statement).unwrap();
    let [Statement::Select(wanted)] = &parsed[..] else {
        panic!("{parsed:?}");
    };
    select(wanted, held.iter(), Epoch::Unit(1))
}

#[test]
fn fields_are_selected_by_tag_and_time_in_either_order() {
    let found = asked("SELECT message FROM \"m\" WHERE host = 'a' ORDER BY time DESC LIMIT 1");
    assert_eq!(
        found.unwrap()["values"],
        json!([[3_600_000_000_000_i64, 3]])
    );
    let found = asked("select message from db.rp.m where time >= 11 and time < 1s");
    assert_eq!(found.unwrap()["values"], json!([[20, "two"]]));
    let found = asked("SELECT message::string FROM m");
    assert_eq!(found.unwrap()["values"], json!([[10, "one"], [20, "two"]]));
    assert_eq!(asked("SELECT message FROM other"), None);
}

#[test]
fn points_are_counted_by_field_and_type_and_hour() {
    let found = asked("SELECT count(message::string) FROM db..m GROUP BY time(1h) FILL(none)");
    assert_eq!(found.unwrap()["values"], json!([[0, 2]]));
    let found = asked("SELECT count(\"message\") FROM m GROUP BY time(1h) FILL(none)");
    assert_eq!(
        found.unwrap()["values"],
        json!([[0, 2], [3_600_000_000_000_i64, 1]])
    );
    let found = asked("SELECT count(*) FROM m").unwrap();
    assert_eq!(
        found["columns"],
        json!(["time", "count_message", "count_n"])
    );
    assert_eq!(found["values"], json!([[0, 3, 1]]));
}

#[test]
fn names_and_texts_are_read_with_what_is_escaped_in_them() {
    let parsed = statements(
        r#"SELECT count("f"::string) FROM "d\"b"."r\\p".m WHERE host = 'it\'s'; SHOW RETENTION POLICIES ON "x;y""#,
    );
    let parsed = parsed.unwrap();
    let [Statement::Select(select), Statement::Policies { on }] = &parsed[..] else {
        panic!("{parsed:?}");
    };
    assert_eq!(select.database.as_deref(), Some("d\"b"));
    assert_eq!(select.policy.as_deref(), Some("r\\p"));
    assert_eq!(select.tags[0].1, "it's");
    assert_eq!(on.as_deref(), Some("x;y"));
}

#[test]
fn any_other_statement_is_an_error() {
    for wrong in [
        "DROP DATABASE logs",
        "SELECT message",
        "SELECT message FROM m GROUP BY host",
        "SELECT message FROM m WHERE host = 'a",
        "SELECT count(message) FROM a.b.c.d",
    ] {
        assert!(statements(wrong).is_err(), "{wrong}");
    }
}
