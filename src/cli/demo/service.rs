//! The demo's child process: the real service, its journal the sample.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::sample;
use crate::base::stop::Stop;
use crate::base::when::When;
use crate::cli::{Error, Verdict};
use crate::config::{self, Config};
use crate::service::notify::Notifier;
use crate::service::{self, Host, Mode};
use crate::sources::journal::readers::{
    self, Absence, Followed, Journal, Positions, ReadEntry, Remarks, Step,
};
use crate::stages::telemetry;

/// How long the sample waits before it looks for entries that have appeared.
const GLANCE: Duration = Duration::from_millis(20);

/// Follows the sample until it is stopped.
pub(super) async fn run(config: Config, started_at: u64) -> Result<Verdict, Error> {
    let open = move |_: &config::JournalSettings, _: &[Followed], at: Positions, _: &Stop| {
        let sample: Box<dyn Journal> = Box::new(SampleJournal {
            started_at,
            next: if at.since < sample::ENTRIES {
                at.since
            } else {
                0
            },
        });
        Ok(sample)
    };
    let host = Host {
        open: Arc::new(open),
        reload: Box::new(|| Err("the demo has its configuration from its parent".to_owned())),
        notifier: Notifier::default(),
        report_every: telemetry::INTERVAL,
    };
    service::run(config, Mode::Follow, host).await?;
    Ok(Verdict::Healthy)
}

/// The sample as a journal.
struct SampleJournal {
    started_at: u64,
    next: u64,
}

impl SampleJournal {
    /// Entries that have appeared by now.
    fn visible(&self) -> u64 {
        sample::visible(When::now().0.saturating_sub(self.started_at))
    }
}

impl Journal for SampleJournal {
    fn name(&self) -> &'static str {
        "sample"
    }

    fn next(&mut self, read: &mut ReadEntry) -> Result<Step, readers::Error> {
        if self.next >= self.visible() {
            return Ok(Step::End);
        }
        sample::fill(read, self.started_at, self.next);
        self.next += 1;
        Ok(Step::Entry)
    }

    /// The place of the next entry stands for the time from which on it is read.
    fn positions(&self) -> Positions {
        Positions::begin(self.next, [0; 16])
    }

    fn wait(&mut self, timeout: Duration) -> Result<(), readers::Error> {
        thread::sleep(GLANCE.min(timeout));
        Ok(())
    }

    fn remarks(&self) -> Remarks {
        Remarks::default()
    }

    fn absence(&self, _: Option<&Path>) -> Option<Absence> {
        None
    }
}
