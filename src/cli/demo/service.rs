//! The demo's child process: the real service, its journal the sample.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::sample;
use crate::base::stop::Stop;
use crate::base::when::When;
use crate::cli::{Error, Verdict};
use crate::config::{self, Config};
use crate::record::LogEntry;
use crate::service::notify::Notifier;
use crate::service::{self, Host, Mode};
use crate::sources::journal::readers::{self, Cursor, Journal, Landing, Start, Step, Wake};
use crate::stages::telemetry;

/// How long the sample waits before it looks for entries that have appeared.
const GLANCE: Duration = Duration::from_millis(20);

/// Follows the sample until it is stopped.
pub(super) async fn run(config: Config, started_at: u64) -> Result<Verdict, Error> {
    let open = move |_: &config::JournalSettings, _: &Stop| {
        let sample: Box<dyn Journal> = Box::new(SampleJournal {
            started_at,
            next: 0,
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

    fn seek(&mut self, start: &Start) -> Result<Landing, readers::Error> {
        self.next = match start {
            Start::After(cursor) => cursor.seqnum.seqnum,
            Start::Since(_) => 0,
        };
        Ok(Landing::Exact)
    }

    fn next(&mut self, entry: &mut LogEntry) -> Result<Step, readers::Error> {
        if self.next >= self.visible() {
            return Ok(Step::End);
        }
        sample::fill(entry, self.started_at, self.next);
        self.next += 1;
        Ok(Step::Entry)
    }

    fn wait(&mut self, timeout: Duration) -> Result<Wake, readers::Error> {
        thread::sleep(GLANCE.min(timeout));
        Ok(Wake::Appended)
    }

    fn newest(&mut self) -> Result<Option<Cursor>, readers::Error> {
        let last = self.visible().checked_sub(1);
        Ok(last.map(|index| sample::cursor(self.started_at, index)))
    }
}
