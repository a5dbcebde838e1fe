use super::*;
use crate::base::finding::Grade::{self, Fail, Pass, Warn};

const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn a_backlog_older_than_the_retention_is_a_failure_and_a_first_run_that_reads_further_back_a_warning()
 {
    let grade = |keeps, waiting| retention(Api::V2, Ok(keeps), waiting, DAY).grade;
    let oldest = |days: u32| Backlogged::Oldest(days * DAY);
    assert_eq!(grade(None, oldest(400)), Pass);
    assert_eq!(grade(Some(30 * DAY), oldest(1)), Pass);
    assert_eq!(grade(Some(30 * DAY), oldest(16)), Warn);
    assert_eq!(grade(Some(30 * DAY), oldest(31)), Fail);
    assert_eq!(grade(Some(DAY / 24), Backlogged::NothingReadYet), Warn);
    assert_eq!(grade(Some(DAY), Backlogged::NothingReadYet), Pass);
    let hidden = retention(Api::V3, Ok(Some(DAY)), oldest(2), DAY);
    assert!(hidden.fix.unwrap().contains("hidden"));
    let unknown = retention(Api::V2, Err("no".to_owned()), oldest(0), DAY);
    assert_eq!(unknown.grade, Warn);
}

#[test]
fn a_hash_that_lies_there_as_the_other_kind_is_said_and_on_3_x_a_failure() {
    let both = HashThere {
        tag: true,
        field: true,
    };
    for (api, form, there, grade) in [
        (Api::V1, MsgHashAs::Tag, HashThere::default(), Pass),
        (
            Api::V2,
            MsgHashAs::Tag,
            HashThere {
                tag: true,
                field: false,
            },
            Pass,
        ),
        (Api::V2, MsgHashAs::Tag, both, Warn),
        (
            Api::V1,
            MsgHashAs::Field,
            HashThere {
                tag: true,
                field: false,
            },
            Warn,
        ),
        (
            Api::V3,
            MsgHashAs::Field,
            HashThere {
                tag: true,
                field: false,
            },
            Fail,
        ),
        (
            Api::V3,
            MsgHashAs::Field,
            HashThere {
                tag: false,
                field: true,
            },
            Pass,
        ),
    ] {
        assert_eq!(
            hash(api, form, &Ok(there)).grade,
            grade,
            "{api:?} {form:?} {there:?}"
        );
    }
    let unknown = |api, words: &str| hash(api, MsgHashAs::Tag, &Err(words.to_owned()));
    assert_eq!(unknown(Api::V3, "HTTP 403: no").grade, Warn);
    let none_yet = unknown(Api::V3, "HTTP 404: database not found: logs");
    assert_eq!(none_yet.grade, Pass);
    assert!(none_yet.found.contains("no line is there"), "{none_yet:?}");
}

#[test]
fn many_series_are_a_warning_with_what_helps_on_that_version() {
    let grade = |api, form, series| cardinality(api, form, Ok(series)).grade;
    for (api, form, series, expected) in [
        (Api::V1, MsgHashAs::Tag, 49_999, Pass),
        (Api::V1, MsgHashAs::Tag, 50_000, Warn),
        (Api::V1, MsgHashAs::Field, 1_000_000, Pass),
        (Api::V2, MsgHashAs::Tag, 99_999, Pass),
        (Api::V2, MsgHashAs::Tag, 100_000, Warn),
        (Api::V3, MsgHashAs::Tag, 10_000_000, Pass),
    ] {
        assert_eq!(
            grade(api, form, Some(series)),
            expected,
            "{api:?} {form:?} {series}"
        );
    }
    let unknown = |form| cardinality(Api::V2, form, Err("no".to_owned())).grade;
    assert_eq!(
        (unknown(MsgHashAs::Tag), unknown(MsgHashAs::Field)),
        (Warn, Pass)
    );
}

#[test]
fn what_a_version_of_3_x_cannot_take_is_said_before_a_line_shows_it() {
    let found = |version: &str, longest: usize| -> Option<(Grade, String)> {
        let finding = limits(&Spoken::by_ping(Some(version), ""), longest)?;
        Some((finding.grade, finding.found))
    };
    assert_eq!(found("1.6.7", 1_000_000), None);
    let (grade, words) = found("3.5.0", 1_000_000).unwrap();
    assert_eq!(grade, Warn);
    assert!(
        words.contains("65,536") && !words.contains("connection"),
        "{words}"
    );
    let (_, words) = found("3.6.0", 1_000_000).unwrap();
    assert!(
        words.contains("65,536") && words.contains("connection"),
        "{words}"
    );
    let (_, words) = found("3.9.3", 1_000_000).unwrap();
    assert!(
        !words.contains("65,536") && words.contains("connection"),
        "{words}"
    );
    assert_eq!(found("3.5.0", 65_536).unwrap().0, Pass);
    assert_eq!(found("3.10.0", 1_000_000).unwrap().0, Pass);
}
