use super::super::suspect::FAILURES;
use super::*;
use crate::sinks::Trouble;

const LOGS: &str = "logs";

fn apart() -> Apart {
    Apart::new(Duration::from_secs(1), Duration::from_secs(60))
}

/// A suspect refused now, as line `seq`.
fn suspect(apart: &mut Apart, seq: u64, evidence: &mut Evidence) {
    let charge = Charge::Refused(evidence.refused(LOGS));
    let suspect = Suspect::new(LOGS, "no".to_owned(), charge);
    apart.replace(&SeqSet::of(Seq(seq)), vec![(Seq(seq), suspect)]);
}

fn tried(task: Option<Task>) -> Vec<(Seq, Suspect)> {
    match task {
        Some(Task::Try(suspects)) => suspects,
        other => panic!("not a try: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_line_is_judged_when_another_one_was_stored_between_two_refusals() {
    let (mut apart, mut evidence) = (apart(), Evidence::default());
    evidence.stored(LOGS);
    suspect(&mut apart, 7, &mut evidence);
    // What was stored before is no proof; one is looked for.
    assert!(matches!(
        apart.next(&evidence, 1000),
        Some(Task::Prove(LOGS, None))
    ));
    evidence.stored(LOGS);
    let (seq, mut suspect) = tried(apart.next(&evidence, 1000)).remove(0);
    assert_eq!(seq, Seq(7));
    let verdict = suspect.refused_again("no again".to_owned(), &mut evidence);
    let verdict = verdict.unwrap();
    assert_eq!(
        (&*verdict.reason, verdict.proven_by),
        ("no again", Some(LOGS))
    );
}

#[tokio::test(start_paused = true)]
async fn another_state_of_the_server_clears_the_evidence() {
    let (mut apart, mut evidence) = (apart(), Evidence::default());
    suspect(&mut apart, 7, &mut evidence);
    evidence.stored(LOGS);
    evidence.state_changed();
    evidence.stored(LOGS);
    tokio::time::advance(Duration::from_secs(60)).await;
    let (_, mut suspect) = tried(apart.next(&evidence, 1000)).remove(0);
    let verdict = suspect.refused_again("no".to_owned(), &mut evidence);
    assert!(verdict.is_none());
    evidence.stored(LOGS);
    assert!(
        suspect
            .refused_again("no".to_owned(), &mut evidence)
            .is_some()
    );
}

#[tokio::test(start_paused = true)]
async fn after_an_hour_a_stored_line_of_any_measurement_counts_and_the_reason_says_so() {
    let (mut apart, mut evidence) = (apart(), Evidence::default());
    suspect(&mut apart, 7, &mut evidence);
    evidence.stored("inventory");
    assert!(matches!(apart.next(&evidence, 1000), Some(Task::Prove(..))));
    apart.no_proof(LOGS);
    assert!(apart.next(&evidence, 1000).is_none());
    let due = apart.due(&evidence).unwrap();
    assert!(due <= Instant::now() + PATIENCE);
    tokio::time::advance(PATIENCE).await;
    let (_, mut suspect) = tried(apart.next(&evidence, 1000)).remove(0);
    let verdict = suspect.refused_again("no".to_owned(), &mut evidence);
    let verdict = verdict.unwrap();
    assert!(
        verdict
            .reason
            .contains("no line of logs could be stored in an hour"),
        "{verdict:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_line_at_which_the_server_fails_is_judged_only_with_the_server_well_around_each_failure()
{
    let fails = Charge::Fails {
        times: 0,
        trouble: Trouble::Unexplained,
    };
    let mut suspect = Suspect::new(LOGS, "closed".to_owned(), fails);
    let mut fail = |trouble, is_well| suspect.failed_again("closed".to_owned(), trouble, is_well);
    for _ in 0..FAILURES - 1 {
        assert_eq!(fail(Trouble::Unexplained, true), None);
    }
    // Not well once: all begins again.
    assert_eq!(fail(Trouble::Unexplained, false), None);
    for _ in 0..FAILURES - 1 {
        assert_eq!(fail(Trouble::Unexplained, true), None);
    }
    let verdict = fail(Trouble::Unexplained, true).unwrap();
    assert!(verdict.contains("8 times"), "{verdict}");
    for _ in 0..3 * FAILURES {
        let charge = Charge::Fails {
            times: 0,
            trouble: Trouble::Stated,
        };
        let mut stated = Suspect::new(LOGS, "full".to_owned(), charge);
        let verdict = stated.failed_again("full".to_owned(), Trouble::Stated, true);
        assert_eq!(
            verdict, None,
            "the server said itself what is wrong with it"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn lines_of_a_measurement_in_doubt_wait_and_one_of_them_is_tried_now_and_then() {
    let (mut apart, mut evidence) = (apart(), Evidence::default());
    for seq in 0..3 {
        suspect(&mut apart, seq, &mut evidence);
    }
    apart.keep_unsent(LOGS, &SeqSet::from(10..20));
    assert!(apart.release(&evidence).is_empty());
    let Some(Task::Prove(LOGS, Some(Seq(19)))) = apart.next(&evidence, 1000) else {
        panic!("the newest one is tried");
    };
    let wait = apart.no_proof(LOGS);
    assert!(apart.next(&evidence, 1000).is_none());
    assert_eq!(apart.due(&evidence), Some(Instant::now() + wait));
    assert_eq!((apart.lines(), apart.unproven(&evidence)), (12, 3));
    evidence.stored(LOGS);
    assert_eq!(apart.release(&evidence), SeqSet::from(10..19));
    assert_eq!(tried(apart.next(&evidence, 1000)).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn it_is_stuck_only_when_proofs_were_looked_for_in_vain() {
    let (mut apart, mut evidence) = (apart(), Evidence::default());
    assert!(apart.is_stuck(&evidence));
    suspect(&mut apart, 1, &mut evidence);
    for _ in 0..FAILED_PROOFS {
        assert!(!apart.is_stuck(&evidence));
        apart.no_proof(LOGS);
    }
    assert!(apart.is_stuck(&evidence));
    evidence.stored(LOGS);
    assert!(!apart.is_stuck(&evidence));
}
