//! From what the forwarder stage publishes to what is to be said (pure).

use std::time::Duration;

use super::episode::{Episode, EpisodeTurn, since};
use crate::base::when::When;
use crate::counters::forward::ForwardStatus;

/// Reasons that are said as soon as they come up in one trouble; there may be a new one in each answer.
const REASONS: usize = 8;

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TroubleMessage {
    /// The server takes nothing from now on.
    Down(DownFacts),
    /// The same for a reason that was not said yet.
    OtherReason(DownFacts),
    StillDown(DownFacts),
    /// The server takes lines again.
    Up(DownFacts),
    /// Lines are set apart from now on.
    Apart(ApartFacts),
    StillApart(ApartFacts),
    /// No line is set apart any more.
    NoneApart(ApartFacts),
}

/// What is known of an outage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DownFacts {
    /// When it began.
    pub(super) began_at: u64,
    pub(super) length: Duration,
    /// Failed ones.
    pub(super) tries: u64,
    /// Lines delivered in between.
    pub(super) delivered: u64,
    pub(super) next_try: Option<Duration>,
    pub(super) reason: Option<String>,
    /// When this was so.
    pub(super) now: u64,
}

/// What is known of lines that are set apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ApartFacts {
    pub(super) length: Duration,
    /// Lines that are set apart.
    pub(super) lines: u64,
    /// Of them those that were refused alone.
    pub(super) unproven: u64,
    /// Lines delivered after all. Those that came and went between two looks are not counted.
    pub(super) delivered: u64,
    pub(super) quarantined: u64,
    pub(super) reason: Option<String>,
}

impl TroubleMessage {
    pub(super) fn is_good_news(&self) -> bool {
        matches!(self, Self::Up(_) | Self::NoneApart(_))
    }

    /// Whether it tells how much is pending.
    pub(super) fn tells_pending(&self) -> bool {
        matches!(self, Self::StillDown(_))
    }
}

/// Remembers what was said, and what was so when a trouble began.
#[derive(Debug, Default)]
pub(super) struct Watcher {
    /// As of the last look.
    last: ForwardStatus,
    outage: DownWatch,
    apart: ApartWatch,
}

#[derive(Debug, Default)]
struct DownWatch {
    episode: Episode,
    began_at: u64,
    failures_before: u64,
    delivered_before: u64,
    /// As of the last look at which it was there.
    delivered: u64,
    /// When it was first seen to be gone.
    gone_since: Option<When>,
    told: Vec<String>,
}

#[derive(Debug, Default)]
struct ApartWatch {
    episode: Episode,
    began_at: u64,
    quarantined_before: u64,
    /// Lines that are not set apart any more.
    settled: u64,
    gone_since: Option<When>,
}

impl Watcher {
    /// What is to be said at `now`.
    pub(super) fn observe(&mut self, status: &ForwardStatus, now: When) -> Vec<TroubleMessage> {
        let outage = self.outage.observe(&self.last, status, now);
        let apart = self.apart.observe(&self.last, status, now);
        self.last.clone_from(status);
        outage.into_iter().chain(apart).collect()
    }

    /// What is to be said when nothing more will be observed: what is gone is over.
    pub(super) fn close(&mut self, now: When) -> Vec<TroubleMessage> {
        let outage = self
            .outage
            .episode
            .close(now)
            .map(|_| TroubleMessage::Up(self.outage.facts(&self.last, now)));
        let apart = self
            .apart
            .episode
            .close(now)
            .map(|_| TroubleMessage::NoneApart(self.apart.facts(&self.last, now)));
        outage.into_iter().chain(apart).collect()
    }

    /// When there will be something to say if nothing changes.
    pub(super) fn due(&self) -> Option<When> {
        let due = [self.outage.episode.due(), self.apart.episode.due()];
        due.into_iter().flatten().min()
    }
}

impl DownWatch {
    fn observe(
        &mut self,
        last: &ForwardStatus,
        status: &ForwardStatus,
        now: When,
    ) -> Option<TroubleMessage> {
        // Failures that follow at once belong to it, unless it is lines set apart that are tried.
        let fails_on = failures(status) > failures(last) && status.set_apart == 0;
        let goes_on = self.episode.is_under_way() && fails_on;
        let is_there = status.outage_since.is_some() || goes_on;
        let turn = self.episode.observe(is_there, now);
        if turn == Some(EpisodeTurn::Began) {
            self.began_at = status.outage_since.unwrap_or(now.0);
            self.failures_before = failures(last);
            self.delivered_before = last.delivered_lines;
            self.told.clear();
        }
        if is_there {
            self.gone_since = None;
            self.delivered = status.delivered_lines;
        } else {
            self.gone_since.get_or_insert(now);
        }
        let is_news = is_there && self.is_news(status.last_error.as_deref());
        let facts = || self.facts(status, now);
        match turn {
            Some(EpisodeTurn::Began) => Some(TroubleMessage::Down(facts())),
            Some(EpisodeTurn::GoesOn) => Some(TroubleMessage::StillDown(facts())),
            Some(EpisodeTurn::Over) => Some(TroubleMessage::Up(facts())),
            None => is_news.then(|| TroubleMessage::OtherReason(facts())),
        }
    }

    /// Whether `reason` was not said yet in this outage; it is from now on.
    fn is_news(&mut self, reason: Option<&str>) -> bool {
        let Some(reason) = reason else {
            return false;
        };
        let is_news = self.told.len() < REASONS && self.told.iter().all(|told| told != reason);
        if is_news {
            self.told.push(reason.to_owned());
        }
        is_news
    }

    fn facts(&self, status: &ForwardStatus, now: When) -> DownFacts {
        DownFacts {
            began_at: self.began_at,
            length: since(When(self.began_at), self.gone_since.unwrap_or(now)),
            tries: failures(status).saturating_sub(self.failures_before),
            delivered: self.delivered.saturating_sub(self.delivered_before),
            next_try: status.next_retry.map(|next| since(now, When(next))),
            reason: status.last_error.clone(),
            now: now.0,
        }
    }
}

impl ApartWatch {
    fn observe(
        &mut self,
        last: &ForwardStatus,
        status: &ForwardStatus,
        now: When,
    ) -> Option<TroubleMessage> {
        let is_there = status.set_apart > 0;
        let turn = self.episode.observe(is_there, now);
        if turn == Some(EpisodeTurn::Began) {
            self.began_at = status.set_apart_since.unwrap_or(now.0);
            self.quarantined_before = quarantined(last);
            self.settled = 0;
        }
        self.settled += last.set_apart.saturating_sub(status.set_apart);
        if is_there {
            self.gone_since = None;
        } else {
            self.gone_since.get_or_insert(now);
        }
        let facts = self.facts(status, now);
        Some(match turn? {
            EpisodeTurn::Began => TroubleMessage::Apart(facts),
            EpisodeTurn::GoesOn => TroubleMessage::StillApart(facts),
            EpisodeTurn::Over => TroubleMessage::NoneApart(facts),
        })
    }

    fn facts(&self, status: &ForwardStatus, now: When) -> ApartFacts {
        let quarantined = quarantined(status).saturating_sub(self.quarantined_before);
        ApartFacts {
            length: since(When(self.began_at), self.gone_since.unwrap_or(now)),
            lines: status.set_apart,
            unproven: status.unproven,
            delivered: self.settled.saturating_sub(quarantined),
            quarantined,
            reason: status.set_apart_reason.clone(),
        }
    }
}

fn failures(status: &ForwardStatus) -> u64 {
    status.retries + status.holds
}

fn quarantined(status: &ForwardStatus) -> u64 {
    status.refused_lines + status.beyond_retention_lines
}

#[cfg(test)]
mod tests;
