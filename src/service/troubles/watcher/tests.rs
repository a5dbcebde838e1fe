use super::super::episode::{CALM, EVERY};
use super::TroubleMessage::{Apart, Down, NoneApart, OtherReason, StillApart, StillDown, Up};
use super::*;

const SECOND: u64 = 1_000_000;

/// A forwarder stage that is looked at once a second.
#[derive(Default)]
struct Story {
    watcher: Watcher,
    status: ForwardStatus,
    second: u64,
}

impl Story {
    /// What is said in the next `seconds`, while `live` changes the status before each look.
    fn pass(
        &mut self,
        seconds: u64,
        mut live: impl FnMut(u64, &mut ForwardStatus),
    ) -> Vec<TroubleMessage> {
        let mut said = Vec::new();
        for _ in 0..seconds {
            self.second += 1;
            live(self.second, &mut self.status);
            said.extend(
                self.watcher
                    .observe(&self.status, When(self.second * SECOND)),
            );
        }
        said
    }

    /// The server fails each second.
    fn fail(&mut self, seconds: u64) -> Vec<TroubleMessage> {
        self.pass(seconds, |second, status| {
            status.outage_since.get_or_insert(second * SECOND);
            status.retries += 1;
            status.last_error = Some("HTTP 503".to_owned());
        })
    }

    /// The server takes a line each second.
    fn deliver(&mut self, seconds: u64) -> Vec<TroubleMessage> {
        self.pass(seconds, |_, status| status.delivered(1, 10))
    }
}

#[test]
fn an_outage_is_one_line_at_its_begin_and_one_with_totals_at_its_end() {
    let mut story = Story::default();
    assert!(story.deliver(100).is_empty());
    let [Down(facts)] = &story.fail(40)[..] else {
        panic!("not only said that it began");
    };
    assert_eq!(
        (facts.tries, facts.reason.as_deref()),
        (1, Some("HTTP 503"))
    );
    let said = story.deliver(1000);
    let [Up(facts)] = &said[..] else {
        panic!("{said:?}");
    };
    assert_eq!(
        (facts.length.as_secs(), facts.tries, facts.delivered),
        (40, 40, 0)
    );
}

#[test]
fn an_outage_is_not_over_while_failures_follow_at_once() {
    let mut story = Story::default();
    let mut said = story.fail(20);
    for _ in 0..6 {
        said.extend(story.deliver(2));
        said.extend(story.fail(8));
    }
    assert!(matches!(&said[..], [Down(_)]), "{said:?}");
    let said = story.deliver(CALM.as_secs() + 1);
    let [Up(facts)] = &said[..] else {
        panic!("{said:?}");
    };
    assert_eq!((facts.length.as_secs(), facts.tries), (80, 68));
    assert_eq!(
        facts.delivered, 12,
        "in between, and none of those after it"
    );
}

#[test]
fn failures_that_publish_no_outage_keep_one_from_being_called_over() {
    let mut story = Story::default();
    story.fail(10);
    let said = story.pass(60, |_, status| {
        status.delivered(1, 10);
        status.retries += 1;
    });
    assert!(said.is_empty(), "{said:?}");
}

#[test]
fn lines_set_apart_that_fail_do_not_prolong_an_outage() {
    let mut story = Story::default();
    story.fail(10);
    let said = story.pass(CALM.as_secs() + 1, |_, status| {
        status.set_apart = 5;
        status.retries += 1;
        status.delivered(1, 10);
    });
    assert!(matches!(&said[..], [Apart(_), Up(_)]), "{said:?}");
}

#[test]
fn while_an_outage_lasts_its_counts_are_told_every_few_minutes() {
    let mut story = Story::default();
    let said = story.fail(3 * EVERY.as_secs() + 10);
    let [Down(_), StillDown(_), StillDown(facts), StillDown(_)] = &said[..] else {
        panic!("{said:?}");
    };
    assert_eq!(
        (facts.length, facts.tries),
        (2 * EVERY, 2 * EVERY.as_secs() + 1)
    );
}

#[test]
fn another_reason_during_an_outage_is_said_once() {
    let mut story = Story::default();
    story.fail(5);
    let mut other = |reason: &str| {
        let said = story.pass(1, |_, status| status.last_error = Some(reason.to_owned()));
        matches!(&said[..], [OtherReason(_)])
    };
    assert!(other("HTTP 401"));
    assert!(!other("HTTP 503") && !other("HTTP 401"), "said already");
    let said = (0..100).filter(|n| other(&format!("request {n}"))).count();
    assert_eq!(said, REASONS - 2, "a new one in each answer is no flood");
}

#[test]
fn the_next_try_is_told() {
    let mut watcher = Watcher::default();
    let status = ForwardStatus {
        outage_since: Some(100 * SECOND),
        next_retry: Some(140 * SECOND),
        ..ForwardStatus::default()
    };
    let said = watcher.observe(&status, When(100 * SECOND));
    let [Down(facts)] = &said[..] else {
        panic!("{said:?}");
    };
    assert_eq!(facts.next_try, Some(Duration::from_secs(40)));
}

#[test]
fn lines_set_apart_are_told_when_it_begins_while_it_lasts_and_with_what_became_of_them() {
    let mut story = Story::default();
    story.deliver(10);
    let said = story.pass(EVERY.as_secs() + 10, |second, status| {
        status.set_apart = 10;
        status.set_apart_since.get_or_insert(second * SECOND);
        status.set_apart_reason = Some("HTTP 400".to_owned());
        status.unproven = 3;
        status.delivered(1, 10);
    });
    let [Apart(first), StillApart(facts)] = &said[..] else {
        panic!("{said:?}");
    };
    assert_eq!(
        (first.lines, first.reason.as_deref()),
        (10, Some("HTTP 400"))
    );
    assert_eq!((facts.lines, facts.unproven, facts.length), (10, 3, EVERY));
    let said = story.pass(CALM.as_secs() + 1, |_, status| {
        (status.set_apart, status.unproven, status.set_apart_since) = (0, 0, None);
        (status.refused_lines, status.beyond_retention_lines) = (2, 1);
    });
    let [NoneApart(facts)] = &said[..] else {
        panic!("{said:?}");
    };
    assert_eq!((facts.delivered, facts.quarantined), (7, 3));
    assert_eq!(facts.length.as_secs(), EVERY.as_secs() + 10);
}

#[test]
fn poison_in_each_batch_is_a_few_lines_an_hour() {
    let mut story = Story::default();
    let said = story.pass(3600, |second, status| {
        status.delivered(1000, 10_000);
        status.set_apart = second % 2 * 1000;
        status.refused_lines += second % 2;
    });
    assert!(said.len() <= 13, "{}", said.len());
}

#[test]
fn at_the_end_of_the_service_an_outage_that_is_gone_is_told_as_over() {
    let mut story = Story::default();
    story.fail(10);
    let now = When(story.second * SECOND);
    assert!(story.watcher.close(now).is_empty(), "it goes on");
    story.deliver(1);
    let said = story.watcher.close(When((story.second + 1) * SECOND));
    assert!(matches!(&said[..], [Up(_)]), "{said:?}");
}
