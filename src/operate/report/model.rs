//! What a report says, ready to be shown or printed as JSON.

use serde::Serialize;

/// A report on a span of time. Times are microseconds since the Unix epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Overview {
    /// Time of the first and the last record, `None` when there was none.
    pub span: Option<(u64, u64)>,
    pub lines: u64,
    /// Records that this shipper could not read.
    pub unreadable: u64,
    /// Requests by route and status, most frequent first.
    pub requests: Vec<RequestRow>,
    /// The span in equal parts.
    pub moments: Vec<Moment>,
    /// Loads by model, most frequent first.
    pub loads: Vec<Load>,
    /// Events by kind, most frequent first.
    pub events: Vec<(&'static str, u64)>,
    /// Tokens per second by phase, where the version of Ollama prints them.
    pub speeds: Vec<Speed>,
    /// Memory as last spoken of, by device and part.
    pub memory: Vec<MemoryUse>,
    /// Stretches in which InfluxDB took nothing, as the shipper reported on itself, oldest first.
    pub outages: Vec<ReportedOutage>,
    /// Names and sizes in bytes of the latest inventory, largest first.
    pub models: Vec<(String, u64)>,
}

/// Requests of one route and status.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RequestRow {
    pub method: &'static str,
    pub route: &'static str,
    pub status: u16,
    pub count: u64,
    /// Their latency in milliseconds.
    pub latency_ms: Percentiles,
}

/// Nearest-rank percentiles: each is a value that occurred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half of the values are no larger.
    pub p50: f64,
    /// 95 of 100 are no larger.
    pub p95: f64,
    /// 99 of 100 are no larger.
    pub p99: f64,
}

/// One of the equal parts of the span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Moment {
    /// When it begins.
    pub start: u64,
    /// Requests answered with a status below 400.
    pub answered: u64,
    /// Requests with 400 and above, clients that went away (499) included.
    pub failed: u64,
    /// Latency of its inference requests in milliseconds; `None` when there was none.
    pub latency_ms: Option<Percentiles>,
}

/// Loads of one model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Load {
    /// Its name, the start of its digest where no inventory names it, or `unknown`.
    pub model: String,
    /// Loads that completed.
    pub done: u64,
    pub failed: u64,
    /// How long they took, in seconds; `None` when no line says.
    pub seconds: Option<Percentiles>,
}

/// Speed of one phase.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Speed {
    /// `prompt` or `generation`.
    pub phase: &'static str,
    pub tokens: u64,
    /// Tokens per second of single requests.
    pub per_second: Percentiles,
}

/// Memory of one device in one use.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MemoryUse {
    pub device: String,
    pub part: &'static str,
    /// Bytes, as last printed.
    pub bytes: u64,
}

/// A stretch of time in which InfluxDB took nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ReportedOutage {
    /// When it began.
    pub since: u64,
    /// Seconds that it is known to have lasted.
    pub seconds: u64,
    /// Whether it is known to be over.
    pub is_over: bool,
}

impl Percentiles {
    /// Of `values`, which are sorted by this; `None` of none.
    pub(super) fn of(values: &mut [f64]) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        let at = |percent: usize| {
            let rank = (values.len() * percent).div_ceil(100).max(1);
            values.get(rank - 1).copied()
        };
        Some(Self {
            p50: at(50)?,
            p95: at(95)?,
            p99: at(99)?,
        })
    }

    /// Each of them as it is shown.
    pub(super) fn each(self, show: impl Fn(f64) -> String) -> [String; 3] {
        [self.p50, self.p95, self.p99].map(show)
    }
}

impl Overview {
    /// Requests in all.
    #[must_use]
    pub fn request_count(&self) -> u64 {
        self.requests.iter().map(|row| row.count).sum()
    }

    /// How often an event of `kind` occurred.
    #[must_use]
    pub fn event_count(&self, kind: &str) -> u64 {
        let found = self.events.iter().find(|(name, _)| *name == kind);
        found.map_or(0, |(_, count)| *count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let mut values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let all = Percentiles {
            p50: 50.0,
            p95: 95.0,
            p99: 99.0,
        };
        assert_eq!(Percentiles::of(&mut values), Some(all));
        let one = Percentiles {
            p50: 7.0,
            p95: 7.0,
            p99: 7.0,
        };
        assert_eq!(Percentiles::of(&mut [7.0]), Some(one));
        assert_eq!(Percentiles::of(&mut []), None);
    }
}
