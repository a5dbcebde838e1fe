//! What is sent until it is settled, and how it is told whether it is the server that fails.
//!
//! While the server is well, every request goes its own way. When one fails, a *probe* tells whether it is the server: one line, if
//! there is one a line that was delivered before. If the probe fails too, the server is down, and requests take turns: one at
//! a time sends a probe when the delay is over, and the first success lets all of them go again. If the probe passes, the request is
//! sent again, and when it has failed often enough its own lines are to be looked at.

use std::collections::BTreeSet;
use std::sync::Arc;

use spool::{Limits, Records, State};
use tokio::sync::MutexGuard;

use super::backlog::Backlog;
use super::evidence::{Evidence, measurement};
use super::link::Link;
use crate::sinks::{BodyLine, Encoded, Form, Outcome, Refusal, Sink, Trouble};

/// Failures of one request, with the server well in between, after which its lines are looked at.
const FAILURES: u32 = 2;

/// The same for a server that says it is busy: it may say so of anything.
const BUSY_FAILURES: u32 = 6;

/// How many of the latest delivered records are looked through for one of a measurement: few, and if there is none, more.
const LATEST: [usize; 2] = [16, 4096];

/// And how many bytes of them.
const LATEST_BYTES: usize = 4 << 20;

/// What became of lines that were sent.
#[derive(Debug)]
pub(super) struct BodyAnswer {
    /// How many of the places were looked at; of the rest nothing is known.
    pub taken: usize,
    /// Those of them whose records cannot be read, and why.
    pub unreadable: Vec<(usize, String)>,
    pub settled: SettledBody,
}

#[derive(Debug)]
pub(super) enum SettledBody {
    /// All lines are stored; also when there were none.
    Stored,
    /// Some lines are refused.
    Refused {
        refusal: Refusal,
        /// The points that the answer gives the numbers of.
        named: Vec<BodyLine>,
    },
    /// The request is too large, for this reason.
    TooLarge(String),
    /// The server fails at these lines and takes others.
    Failed {
        reason: String,
        trouble: Trouble,
        bytes: usize,
    },
}

/// Lines to be sent: records, the places of those that are meant, and what of them.
#[derive(Clone, Debug)]
pub(super) struct Sending {
    pub records: Arc<Records>,
    pub places: Vec<usize>,
    pub form: Form,
}

impl<S: Sink, B: Backlog> Link<S, B> {
    /// Sends the lines until the server has taken or refused them, or fails at them and at nothing else; `None` when the
    /// service ends.
    pub(super) async fn settle(&self, lines: &Sending) -> Option<BodyAnswer> {
        let encoded = self.encode(lines.clone()).await?;
        let settled = match encoded.lines {
            0 => SettledBody::Stored,
            _ => self.settle_encoded(lines, &encoded).await?,
        };
        Some(BodyAnswer {
            taken: encoded.taken,
            unreadable: encoded.unreadable,
            settled,
        })
    }

    async fn settle_encoded(
        &self,
        lines: &Sending,
        encoded: &Encoded<S::Body>,
    ) -> Option<SettledBody> {
        if !self.pace(encoded.lines).await {
            return None;
        }
        let mut failures = 0;
        let mut failed = None;
        loop {
            let turn = self.turn_to_try(lines).await?;
            let is_enough = |(_, trouble): &mut _| turn.is_none() && failures >= enough(*trouble);
            if let Some((reason, trouble)) = failed.take_if(is_enough) {
                let bytes = encoded.bytes;
                return Some(SettledBody::Failed {
                    reason,
                    trouble,
                    bytes,
                });
            }
            match self.send(encoded).await? {
                Outcome::Delivered => {
                    self.stored(lines, encoded);
                    return Some(SettledBody::Stored);
                }
                Outcome::Refused(refusal) => {
                    self.answered();
                    let named = self.named(lines, encoded.taken, &refusal).await?;
                    return Some(SettledBody::Refused { refusal, named });
                }
                Outcome::TooLarge { reason } => {
                    self.answered();
                    if encoded.lines > 1 {
                        self.state().ceiling.too_large(encoded.bytes);
                    }
                    return Some(SettledBody::TooLarge(reason));
                }
                Outcome::Hold { reason } => {
                    // Something on the way may refuse these lines alone.
                    if self.takes_another(lines).await? {
                        self.only_these_fail(&reason);
                        failures += 1;
                        failed = Some((reason, Trouble::Stated));
                    } else {
                        self.hold(&reason);
                    }
                }
                Outcome::RetryLater {
                    reason,
                    after,
                    trouble,
                } => {
                    let is_asked_to_wait = after.is_some();
                    if is_asked_to_wait || !self.takes_a_probe(lines).await? {
                        self.down(&reason, after);
                    } else {
                        self.answered();
                        self.tell(|status| status.stumbled(&reason));
                    }
                    failures += 1;
                    failed = Some((reason, trouble));
                }
            }
        }
    }

    /// The points of the first `taken` of `lines` that `refusal` gives the numbers of; a number that no line has is none.
    async fn named(
        &self,
        lines: &Sending,
        taken: usize,
        refusal: &Refusal,
    ) -> Option<Vec<BodyLine>> {
        if refusal.numbered.is_empty() {
            return Some(Vec::new());
        }
        let mut sent = lines.clone();
        sent.places.truncate(taken);
        let points = self.lines(sent).await?;
        let point = |number: usize| points.get(number.checked_sub(1)?).copied();
        let numbers = refusal.numbered.iter().map(|line| line.number);
        Some(numbers.filter_map(point).collect())
    }

    /// The answer is one that somebody has to do something about, and other lines pass.
    fn only_these_fail(&self, reason: &str) {
        self.evidence(Evidence::state_changed);
        self.tell(|status| status.refused_some(reason));
        self.answered();
    }

    /// Returns when the server is well, or when it is this one's turn to find out with its own lines, since there is no
    /// probe; `None` when the service ends.
    async fn turn_to_try(&self, lines: &Sending) -> Option<Option<MutexGuard<'_, ()>>> {
        if self.is_well() {
            return (!self.stop.is_triggered()).then_some(None);
        }
        let turn = tokio::select! {
            turn = self.turn.lock() => turn,
            () = self.stop.triggered() => return None,
        };
        while !self.is_well() {
            if !self.wait_until_due().await {
                return None;
            }
            let Some(probe) = self.probe(lines).await else {
                return Some(Some(turn));
            };
            match self.send_probe(probe).await? {
                Outcome::RetryLater { reason, after, .. } => self.down(&reason, after),
                Outcome::Hold { reason } => self.hold(&reason),
                _ => self.answered(),
            }
        }
        Some(None)
    }

    /// The latest delivered record of the measurement `wanted`, of any if that is `None`.
    pub(super) async fn control(&self, wanted: Option<&str>) -> Option<Sending> {
        for records in LATEST {
            let limits = Limits {
                records,
                bytes: LATEST_BYTES,
            };
            let latest = self.backlog().latest(limits, State::Delivered).await.ok()?;
            let is_one = |place: &usize| {
                wanted.is_none_or(|wanted| measurement(&latest.records, *place) == wanted)
            };
            if let Some(place) = (0..latest.seqs.len()).rev().find(is_one) {
                return Some(Sending {
                    records: Arc::new(latest.records),
                    places: vec![place],
                    form: Form::BARE,
                });
            }
            if latest.seqs.len() < records {
                break;
            }
        }
        None
    }

    /// Whether the server takes something, after it failed at `lines`; `None` when the service ends. Without anything to send it
    /// does not.
    async fn takes_a_probe(&self, lines: &Sending) -> Option<bool> {
        let Some(probe) = self.probe(lines).await else {
            return Some(false);
        };
        let outcome = self.send_probe(probe).await?;
        let fails = matches!(outcome, Outcome::RetryLater { .. } | Outcome::Hold { .. });
        if fails {
            self.tell(|status| status.retries += 1);
        }
        Some(!fails)
    }

    /// Whether the server takes one of `lines` alone, or if it is only one, another one. A delivered line would prove nothing when it
    /// takes no new ones.
    async fn takes_another(&self, lines: &Sending) -> Option<bool> {
        let probe = match self.one_of(lines) {
            Some(probe) => Some(probe),
            None => self.control(None).await,
        };
        let Some(probe) = probe else {
            return Some(false);
        };
        Some(self.send_probe(probe).await? == Outcome::Delivered)
    }

    /// One line that is not all of `lines`: the latest delivered one, or else each time another of `lines`.
    async fn probe(&self, lines: &Sending) -> Option<Sending> {
        if let Some(control) = self.control(None).await {
            return Some(control);
        }
        match self.one_of(lines) {
            Some(probe) => Some(probe),
            None => self.another_pending(lines).await,
        }
    }

    /// Each time another one of the pending records that arrived last, but for that of `lines`.
    async fn another_pending(&self, lines: &Sending) -> Option<Sending> {
        let own = lines
            .places
            .first()
            .and_then(|place| lines.records.get(*place));
        let own = own.map(|record| record.key);
        let limits = Limits {
            records: LATEST[0],
            bytes: LATEST_BYTES,
        };
        let latest = self.backlog().latest(limits, State::Pending).await.ok()?;
        let is_other = |place: &usize| latest.records.get(*place).map(|record| record.key) != own;
        let others: Vec<_> = (0..latest.seqs.len()).filter(is_other).collect();
        let place = *others.get(self.next_probe() % others.len().max(1))?;
        Some(Sending {
            records: Arc::new(latest.records),
            places: vec![place],
            form: Form::BARE,
        })
    }

    fn next_probe(&self) -> usize {
        let mut state = self.state();
        state.probes += 1;
        state.probes
    }

    /// Each time another one of `lines`, if it is not the only one.
    fn one_of(&self, lines: &Sending) -> Option<Sending> {
        if lines.places.len() < 2 {
            return None;
        }
        Some(Sending {
            places: vec![lines.places[self.next_probe() % lines.places.len()]],
            form: Form::BARE,
            ..lines.clone()
        })
    }

    async fn send_probe(&self, probe: Sending) -> Option<Outcome> {
        let encoded = self.encode(probe.clone()).await?;
        let outcome = self.send(&encoded).await?;
        if outcome == Outcome::Delivered {
            self.noted(&probe.records, &probe.places);
        }
        Some(outcome)
    }

    fn stored(&self, lines: &Sending, encoded: &Encoded<S::Body>) {
        self.answered();
        self.state().ceiling.stored(encoded.bytes);
        let sent = &lines.places[..encoded.taken.min(lines.places.len())];
        self.noted(&lines.records, sent);
        self.tell(|status| status.delivered(encoded.lines, encoded.bytes));
    }

    /// Keeps what it proves that the records at `places` are stored.
    fn noted(&self, records: &Records, places: &[usize]) {
        let of = |place: &usize| measurement(records, *place);
        let measurements: BTreeSet<_> = places.iter().map(of).collect();
        self.evidence(|evidence| {
            measurements
                .into_iter()
                .for_each(|one| evidence.stored(one));
        });
    }
}

/// Failures after which the lines of a request are looked at.
fn enough(trouble: Trouble) -> u32 {
    match trouble {
        Trouble::Busy => BUSY_FAILURES,
        Trouble::Unexplained | Trouble::Stated => FAILURES,
    }
}
