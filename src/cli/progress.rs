//! Progress of what takes long: a bar with rate and time left on a terminal, plain lines otherwise.

use std::cell::Cell;
use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use spool::Rebuilding;

use crate::base::human::count;

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
        progress.set(read, "the spool's MANIFEST is lost");
        if read == generations {
            progress.finish("the spool's MANIFEST was made again from its generations");
        }
    }
}

impl Progress {
    /// Towards `total` of `what`, as "entries sent".
    pub(super) fn new(total: u64, what: &'static str) -> Self {
        let is_terminal = io::stderr().is_terminal();
        let target = if is_terminal {
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
        let plain = (!is_terminal).then(|| Cell::new(Instant::now()));
        Self {
            bar,
            plain,
            total,
            what,
        }
    }

    /// How far it is, and what else is to be said.
    pub(super) fn set(&self, done: u64, words: &str) {
        self.bar.set_position(done.min(self.total));
        self.bar.set_message(words.to_owned());
        if let Some(last) = &self.plain
            && last.get().elapsed() >= PLAIN_INTERVAL
        {
            last.set(Instant::now());
            eprintln!(
                "{} of {} {}: {words}",
                count(done),
                count(self.total),
                self.what
            );
        }
    }

    /// It is done.
    pub(super) fn finish(&self, words: &str) {
        self.bar.finish_and_clear();
        eprintln!("{words}");
    }
}
