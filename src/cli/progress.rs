//! Progress of what takes long: a bar with rate and time left on a terminal, plain lines otherwise.

use std::cell::Cell;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use spool::Rebuilding;
use tracing::Level;

use crate::base::human::count;
use crate::base::terminal::{Safe, Stream, tell};

/// How often a plain line is written.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// On standard error, so that standard output stays for results.
pub(super) struct Progress {
    bar: ProgressBar,
    plain: Option<Cell<Instant>>,
    total: u64,
    what: &'static str,
}

/// Shows how far opening a spool is when it has to read every generation; most of the time there is nothing to show.
pub(super) fn rebuilding() -> impl FnMut(Rebuilding) {
    let mut progress = None;
    move |Rebuilding { read, generations }| {
        let progress =
            progress.get_or_insert_with(|| Progress::new(generations, "generations read"));
        progress.set(read, &Safe::line("the spool's MANIFEST is lost"));
        if read == generations {
            progress.finish("the spool's MANIFEST was made again from its generations");
        }
    }
}

impl Progress {
    /// Towards `total` of `what`, as "entries sent".
    pub(super) fn new(total: u64, what: &'static str) -> Self {
        let is_screen = Stream::Err.is_screen();
        let target = if is_screen {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let template =
            "{bar:30} {human_pos}/{human_len} {prefix}  {per_sec}  {eta} left  {wide_msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(what);
        let plain = (!is_screen).then(|| Cell::new(Instant::now()));
        Self {
            bar,
            plain,
            total,
            what,
        }
    }

    /// How far it is, and what else is to be said.
    pub(super) fn set(&self, done: u64, words: &Safe) {
        self.bar.set_position(done.min(self.total));
        self.bar.set_message(words.as_str().to_owned());
        if let Some(last) = &self.plain
            && last.get().elapsed() >= PLAIN_INTERVAL
        {
            last.set(Instant::now());
            let (done, total, what) = (count(done), count(self.total), self.what);
            let mut line = Safe::line(format_args!("{done} of {total} {what}: "));
            line.push(words);
            tell(Level::INFO, &line);
        }
    }

    /// It is done.
    pub(super) fn finish(&self, words: &str) {
        self.bar.finish_and_clear();
        tell(Level::INFO, &Safe::line(words));
    }
}
