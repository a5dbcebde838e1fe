//! The stage whose input has ended, and lines that nothing proves to be to blame.

use support::endpoint::{Endpoint, Fault, Manner, Points};

use super::faults::numbered;
use super::rig::Rig;

#[tokio::test]
async fn with_no_proof_to_be_had_the_stage_ends_and_says_how_many_lines_wait_and_why() {
    for manner in [
        Manner::NothingNamed,
        Manner::NothingStored,
        Manner::Counted,
        Manner::Counted500,
    ] {
        let endpoint = Endpoint::start().unwrap();
        endpoint.set_poison(manner, |point| {
            (point.measurement == "ollama_logs").then(|| "field type conflict".to_owned())
        });
        let mut rig = Rig::to_endpoint(&endpoint);
        rig.config.forward.batch_lines = 100;
        let time = rig.clock;
        rig.append(numbered(250)).await;
        rig.append_inventory(time, "[]").await;
        let remainder = rig.start_drain().end().await;
        assert_eq!(remainder.lines, 250, "{manner:?}");
        assert!(
            remainder.reason.contains("field type conflict"),
            "{remainder:?}"
        );
        let stats = rig.stats().await;
        assert_eq!(
            (stats.pending, stats.delivered, stats.quarantined),
            (250, 1, 0),
            "{manner:?}"
        );

        // The next run starts without what this one has learned, and delivers all.
        endpoint.cure();
        assert_eq!(rig.start_drain().end().await.lines, 0);
        assert_eq!(rig.assert_settled().await.delivered, 251);
        assert_eq!(endpoint.points(Points::len), 251);
    }
}

#[tokio::test]
async fn what_the_server_refuses_is_judged_by_a_line_that_was_delivered_before() {
    let endpoint = Endpoint::start().unwrap();
    let mut rig = Rig::to_endpoint(&endpoint);
    rig.append(["delivered before"]).await;
    rig.drain().await;
    endpoint.set_poison(Manner::Counted, |point| {
        point
            .message()
            .starts_with("line")
            .then(|| "field type conflict".to_owned())
    });
    rig.append(numbered(40)).await;
    assert_eq!(rig.start_drain().end().await.lines, 0);
    let stats = rig.assert_settled().await;
    assert_eq!((stats.delivered, stats.quarantined), (1, 40));
    assert_eq!(
        endpoint.points(|points| (points.len(), points.overwritten)),
        (1, 0)
    );
}

#[tokio::test]
async fn lines_refused_while_the_control_is_refused_too_stay_pending() {
    let endpoint = Endpoint::start().unwrap();
    let mut rig = Rig::to_endpoint(&endpoint);
    rig.append(["delivered before"]).await;
    rig.drain().await;
    endpoint.set_poison(Manner::Counted, |_| Some("field type conflict".to_owned()));
    rig.append(numbered(40)).await;
    assert_eq!(rig.start_drain().end().await.lines, 40);
    let stats = rig.stats().await;
    assert_eq!(
        (stats.pending, stats.delivered, stats.quarantined),
        (40, 1, 0)
    );
}

#[tokio::test]
async fn a_hold_between_two_refusals_of_a_line_ends_what_they_prove() {
    // Refused, then a hold of some kind, then a control that is stored, then refused: the state may be another one.
    let endpoint = Endpoint::start().unwrap();
    let mut rig = Rig::to_endpoint(&endpoint);
    rig.append(["delivered before"]).await;
    rig.drain().await;
    let refused = || {
        let text = r#"{"message":"partial write: field type conflict: x dropped=1"}"#;
        Some(Fault::Body(422, text.to_owned()))
    };
    let hold = || Some(Fault::Status(401));
    // The line itself is innocent: refused again and again by a server that is in another state each time.
    endpoint.script([
        refused(),
        refused(),
        hold(),
        None,
        refused(),
        hold(),
        None,
        refused(),
        hold(),
    ]);
    rig.append(["innocent"]).await;
    rig.start_drain().end().await;
    let stats = rig.assert_settled().await;
    assert_eq!((stats.delivered, stats.quarantined), (2, 0));
}
