//! The forwarder stage and a sink without a network: all it needs is in the trait.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shipper::config::{Config, Secret};
use shipper::counters::forward::ForwardStatus;
use shipper::sinks::{
    Backlogged, BodyLine, ByMeasurement, Cause, Checked, CountError, Credentials, Encoded, Form,
    Outcome, Refusal, Sent, Sink, SpokenTo, Trouble,
};
use spool::{MsgHash, Records};

use super::rig::Rig;

/// Keeps hashes, and does first what it was told to.
#[derive(Default)]
struct InMemory {
    script: Mutex<VecDeque<Outcome>>,
    /// The only record that is refused.
    refused: Mutex<Option<MsgHash>>,
    /// Nothing is taken but with this secret.
    wanted: Option<&'static str>,
    secret: Mutex<&'static str>,
    /// Whether the secret is another one at each look.
    rotates: AtomicBool,
    looks: AtomicU64,
    held: Mutex<BTreeSet<MsgHash>>,
}

impl InMemory {
    fn decide(&self, body: &[MsgHash]) -> Outcome {
        if self
            .wanted
            .is_some_and(|wanted| wanted != *self.secret.lock().unwrap())
        {
            return Outcome::Hold {
                reason: "another secret, please".to_owned(),
            };
        }
        if let Some(outcome) = self.script.lock().unwrap().pop_front() {
            return outcome;
        }
        let refused = *self.refused.lock().unwrap();
        if refused.is_some_and(|refused| body.contains(&refused)) {
            return Outcome::Refused(Refusal {
                reason: "not that one".to_owned(),
                cause: Cause::Content,
                dropped: None,
                named: Vec::new(),
                numbered: Vec::new(),
            });
        }
        self.held.lock().unwrap().extend(body);
        Outcome::Delivered
    }
}

impl Sink for InMemory {
    type Body = Vec<MsgHash>;

    fn encode(
        &self,
        records: &Records,
        places: &[usize],
        _form: Form,
        _limit: usize,
    ) -> Encoded<Self::Body> {
        let hash = |place: &usize| records.get(*place).unwrap().key.hash;
        let body: Vec<_> = places.iter().map(hash).collect();
        Encoded {
            lines: body.len(),
            bytes: 32 * body.len(),
            sent_bytes: 32 * body.len(),
            taken: places.len(),
            unreadable: Vec::new(),
            body,
        }
    }

    fn lines(&self, _records: &Records, places: &[usize], _form: Form) -> Vec<BodyLine> {
        let own = |place: &usize| BodyLine {
            place: *place,
            derived: None,
        };
        places.iter().map(own).collect()
    }

    async fn send(&self, body: &Self::Body) -> Sent {
        let outcome = self.decide(body);
        Sent {
            is_answered: !matches!(outcome, Outcome::RetryLater { .. }),
            outcome,
        }
    }

    fn credentials(&self) -> Option<Credentials> {
        let secret = if self.rotates.load(Relaxed) {
            self.looks.fetch_add(1, Relaxed).to_string()
        } else {
            (*self.secret.lock().unwrap()).to_owned()
        };
        Some(Credentials(Some(Secret::new(secret))))
    }

    fn spoken(&self) -> Option<SpokenTo> {
        None
    }

    fn in_flight(&self) -> usize {
        2
    }

    async fn keeps(&self) -> Option<Duration> {
        None
    }

    async fn count_by_hour(
        &self,
        _host: &str,
        _measurements: &BTreeSet<&'static str>,
        _range: Range<u64>,
    ) -> Result<ByMeasurement, CountError> {
        Ok(ByMeasurement::new())
    }

    async fn check(_config: &Config, _waiting: Backlogged) -> Checked {
        Checked::default()
    }
}

#[tokio::test]
async fn a_sink_that_speaks_no_http_gets_all_that_it_does_not_refuse() {
    let mut rig = Rig::new("http://nobody", "v2", "token", "logs");
    rig.append((0..1000).map(|line| format!("line {line}")))
        .await;
    let refused = rig
        .store
        .call(|spool| {
            let all = spool::Selection::default();
            spool.ls(&all, spool::Seq(300), 1)
        })
        .await
        .unwrap()
        .unwrap()
        .entries[0]
        .key
        .hash;
    let sink = Arc::new(InMemory {
        script: Mutex::new(VecDeque::from([
            Outcome::RetryLater {
                reason: "nobody there".to_owned(),
                after: None,
                trouble: Trouble::Busy,
            },
            Outcome::TooLarge {
                reason: "less, please".to_owned(),
            },
        ])),
        refused: Mutex::new(Some(refused)),
        ..InMemory::default()
    });
    let running = rig.start_to(Arc::clone(&sink));
    running.input_ended.trigger();
    let status = running.status.clone();
    running.end().await;
    let stats = rig.assert_settled().await;
    assert_eq!((stats.delivered, stats.quarantined), (999, 1));
    let held = sink.held.lock().unwrap();
    assert!(held.len() == 999 && !held.contains(&refused));
    let status = status.borrow();
    assert_eq!((status.retries, status.refused_lines), (1, 1));
}

#[tokio::test]
async fn a_hold_ends_as_soon_as_the_sink_has_other_credentials() {
    let mut rig = Rig::new("http://nobody", "v2", "token", "logs");
    // Without other credentials it would be tried again after the test's patience.
    rig.config.forward.retry_min = Duration::from_secs(3600);
    rig.config.forward.retry_max = Duration::from_secs(3600);
    rig.append(["a"]).await;
    let sink = Arc::new(InMemory {
        wanted: Some("new"),
        secret: Mutex::new("old"),
        ..InMemory::default()
    });
    let mut running = rig.start_to(Arc::clone(&sink));
    running.input_ended.trigger();
    running.until("a hold", |status| status.holds > 0).await;
    *sink.secret.lock().unwrap() = "new";
    running.end().await;
    assert_eq!(rig.assert_settled().await.delivered, 1);
}

#[tokio::test]
async fn what_was_refused_with_other_credentials_proves_nothing() {
    let mut rig = Rig::new("http://nobody", "v2", "token", "logs");
    rig.append((0..10).map(|line| format!("line {line}"))).await;
    let list = rig
        .store
        .call(|spool| spool.ls(&spool::Selection::default(), spool::Seq(3), 1));
    let refused = list.await.unwrap().unwrap().entries[0].key.hash;
    let sink = Arc::new(InMemory {
        refused: Mutex::new(Some(refused)),
        rotates: AtomicBool::new(true),
        ..InMemory::default()
    });
    let mut running = rig.start_to(Arc::clone(&sink));
    let tried_often = |status: &ForwardStatus| status.requests > 60 && status.set_apart == 1;
    let status = running.until("many tries", tried_often).await;
    assert_eq!(status.refused_lines, 0);
    sink.rotates.store(false, Relaxed);
    running
        .until("a verdict", |status| status.refused_lines == 1)
        .await;
    running.stop().await;
    let stats = rig.assert_settled().await;
    assert_eq!((stats.delivered, stats.quarantined), (9, 1));
}
