//! The tasks of llama-server (0.30 and later): several lines tell of one task, and what they come to is known at its end.
//!
//! A task is known by the process that prints its lines, its slot and its number. The last two start again with each runner, and where the
//! server prints the lines of its runners, nothing says whose they are: of two tasks with the same slot and number, a line belongs to
//! the one that its numbers fit, else to the one begun last.

use std::borrow::Cow;
use std::collections::VecDeque;

use crate::insight::scan;
use crate::insight::slot::{self, SlotLine, TaskLine, TaskStep};
use crate::record::{Derived, Phase, Tokens};
use crate::record::{Event, Fact, Kind};

/// Tasks remembered; more are under way only with as many slots. Those of a runner that died are never released.
const REMEMBERED: usize = 64;
/// Numbers of cancelled or failed tasks remembered until their other line comes.
const REMEMBERED_NUMBERS: usize = 16;

/// The tasks that are under way.
#[derive(Clone, Debug, Default)]
pub(in crate::insight) struct Tasks {
    /// The process that prints the lines that come.
    speaker: u32,
    running: VecDeque<RunningTask>,
    /// Cancelled ones that have not been released.
    cancelled: TaskNumbers,
    /// Failed ones, whose client may be told gone because of that.
    failed: TaskNumbers,
    /// Whether a runner was started for embeddings.
    embeds: bool,
    /// Starts of runners so far.
    starts: u64,
}

#[derive(Clone, Copy, Debug)]
struct RunningTask {
    speaker: u32,
    slot: u64,
    number: u64,
    /// Tokens of its prompt.
    prompt: u64,
    /// Of these, tokens that were in the cache; `None` before anything ran.
    cached: Option<u64>,
    /// Tokens that context shifts took out of the slot.
    discarded: u64,
    /// Whether the time of its prompt was printed; that of its answer follows.
    is_read: bool,
    /// Tokens of the answer, once printed.
    generated: Option<u64>,
    failed: bool,
    /// How many runners had been started before it.
    starts: u64,
}

#[derive(Clone, Debug, Default)]
struct TaskNumbers(VecDeque<(u32, u64)>);

impl TaskNumbers {
    fn add(&mut self, task: (u32, u64)) {
        if self.0.len() == REMEMBERED_NUMBERS {
            self.0.pop_front();
        }
        self.0.push_back(task);
    }

    fn forget(&mut self, task: (u32, u64)) {
        self.0.retain(|known| *known != task);
    }

    /// Whether this was one of them; it is no longer.
    fn take(&mut self, task: (u32, u64)) -> bool {
        let place = self.0.iter().position(|known| *known == task);
        place.is_some_and(|place| self.0.remove(place).is_some())
    }
}

impl RunningTask {
    /// What its slot would hold, had nothing been taken out of it.
    fn held(&self, held: u64) -> u64 {
        held.saturating_add(self.discarded)
    }

    /// Appends what was read and written of a cancelled answer.
    fn cut_off(&self, held: u64, cached: u64, out: &mut Vec<Derived<'_>>) {
        let read = held.clamp(cached, self.prompt.max(cached));
        let read = Tokens {
            cached: Some(cached),
            ..Tokens::of(Phase::PromptCancelled, read)
        };
        let written = held.saturating_add(1).saturating_sub(self.prompt);
        let written = Tokens {
            cancelled: Some(written),
            ..Tokens::of(Phase::Generation, written)
        };
        let both = [read, written].into_iter().filter(|some| some.tokens > 0);
        out.extend(both.map(Derived::Tokens));
    }
}

impl Tasks {
    /// The lines that come are of this process; 0 stands for one that is not known.
    pub(super) fn hear(&mut self, process: u32) {
        self.speaker = process;
    }

    /// A runner starts; whether to read texts for their embeddings.
    pub(super) fn start(&mut self, embeds: bool) {
        self.starts += 1;
        self.embeds |= embeds;
    }

    /// Only the runner that was started last is left.
    pub(super) fn keep_latest(&mut self) {
        let latest = self.starts;
        self.running.retain(|task| task.starts >= latest);
    }

    /// No runner is left.
    pub(super) fn clear(&mut self) {
        self.running.clear();
    }

    /// Appends the points of a slot's line.
    pub(in crate::insight) fn slot(&mut self, line: SlotLine, out: &mut Vec<Derived<'_>>) {
        let SlotLine { slot, task, step } = line;
        match step {
            TaskStep::Prompt { context, tokens } => {
                self.begin(slot, task, tokens);
                let event = Event::of(Kind::PromptStart)
                    .with(Fact::Context(context))
                    .with(Fact::PromptTokens(tokens))
                    .with(self.busy_slots());
                out.push(Derived::Event(event));
            }
            TaskStep::Cached(tokens) => {
                let begins = |task: &RunningTask| task.cached.is_none();
                if let Some(task) = self.find(slot, task, begins).filter(|task| begins(task)) {
                    task.cached = Some(tokens);
                }
            }
            TaskStep::Shift { discarded } => {
                if let Some(task) = self.find(slot, task, |_| true) {
                    task.discarded = task.discarded.saturating_add(discarded);
                }
                let event = Event::of(Kind::ContextShift).with(Fact::Tokens(discarded));
                out.push(Derived::Event(event));
            }
            TaskStep::Timing(tokens) => out.push(Derived::Tokens(self.timed(slot, task, tokens))),
            TaskStep::Draft(tokens) => out.push(Derived::Tokens(tokens)),
            TaskStep::Release { tokens, truncated } => {
                let done = self.release(slot, task, tokens);
                let event = Event::of(Kind::PromptDone)
                    .with(Fact::Tokens(tokens))
                    .with(Fact::Truncated(truncated))
                    .with_any(done.is_some().then(|| self.busy_slots()));
                out.push(Derived::Event(event));
                if let Some(done) = done {
                    self.sum_up(done, tokens, out);
                }
            }
        }
    }

    /// The event of a line about a task; `None` when its client is gone only because the task failed.
    pub(in crate::insight) fn task<'a>(&mut self, line: TaskLine<'a>) -> Option<Event<'a>> {
        match line {
            TaskLine::Cancel { task } if self.failed.take((self.speaker, task)) => None,
            TaskLine::Cancel { task } => {
                self.cancelled.add((self.speaker, task));
                Some(Event::of(Kind::Abort))
            }
            TaskLine::Failed { task, error } => {
                let own = (self.speaker, task);
                self.failed.add(own);
                let mut known = self.running.iter_mut().rev();
                if let Some(task) = known.find(|known| (known.speaker, known.number) == own) {
                    task.failed = true;
                }
                let event = match slot::beyond_context(error) {
                    Some((prompt, context)) => Event::of(Kind::ContextExceeded)
                        .with(Fact::PromptTokens(prompt))
                        .with(Fact::Limit(context)),
                    None => Event::of(Kind::TaskFailed),
                };
                Some(event.with(Fact::Error(scan::brief(Cow::Borrowed(error)))))
            }
        }
    }

    fn begin(&mut self, slot: u64, number: u64, prompt: u64) {
        // What was said of this number before was said of another task, which had no slot.
        let own = (self.speaker, number);
        self.cancelled.forget(own);
        self.failed.forget(own);
        if self.running.len() == REMEMBERED {
            self.running.pop_front();
        }
        self.running.push_back(RunningTask {
            speaker: self.speaker,
            slot,
            number,
            prompt,
            cached: None,
            discarded: 0,
            is_read: false,
            generated: None,
            failed: false,
            starts: self.starts,
        });
    }

    fn busy_slots(&self) -> Fact<'static> {
        Fact::BusySlots(self.running.len() as u64)
    }

    /// The speaker's task of this slot and number: the latest of those that fit, else the latest.
    fn find(
        &mut self,
        slot: u64,
        number: u64,
        fits: impl Fn(&RunningTask) -> bool,
    ) -> Option<&mut RunningTask> {
        let place = self.place(slot, number, fits)?;
        self.running.get_mut(place)
    }

    fn place(&self, slot: u64, number: u64, fits: impl Fn(&RunningTask) -> bool) -> Option<usize> {
        let fitting = self.place_of(slot, number, fits);
        fitting.or_else(|| self.place_of(slot, number, |_| true))
    }

    /// The latest of the speaker's tasks of this slot and number that fit.
    fn place_of(
        &self,
        slot: u64,
        number: u64,
        fits: impl Fn(&RunningTask) -> bool,
    ) -> Option<usize> {
        let own = |task: &RunningTask| {
            (task.speaker, task.slot, task.number) == (self.speaker, slot, number)
        };
        let mut running = self.running.iter();
        running.rposition(|task| own(task) && fits(task))
    }

    /// What a timing comes to: that of a prompt is of the tokens that were processed, and the others were in the cache.
    fn timed(&mut self, slot: u64, number: u64, tokens: Tokens) -> Tokens {
        if tokens.phase != Phase::Prompt {
            let fits = |task: &RunningTask| task.is_read && task.generated.is_none();
            if let Some(task) = self.find(slot, number, fits) {
                task.generated = Some(tokens.tokens);
            }
            return tokens;
        }
        let all = |cached: u64| tokens.tokens.saturating_add(cached);
        let fits = |task: &RunningTask| {
            !task.is_read && task.cached.is_some_and(|cached| all(cached) == task.prompt)
        };
        let cached = self.find(slot, number, fits).and_then(|task| {
            task.is_read = true;
            task.cached
        });
        Tokens {
            tokens: all(cached.unwrap_or(0)),
            cached,
            ..tokens
        }
    }

    /// Ends a task of which the slot holds `held` tokens.
    fn release(&mut self, slot: u64, number: u64, held: u64) -> Option<RunningTask> {
        let fits = |task: &RunningTask| {
            task.generated.is_some_and(|generated| {
                task.prompt.saturating_add(generated) == task.held(held).saturating_add(1)
            })
        };
        // Its timings are the lines before: of several, one that has them ends before one that has none.
        let is_timed = |task: &RunningTask| task.generated.is_some();
        let place = match self.place_of(slot, number, fits) {
            None => self.place(slot, number, is_timed),
            exact => exact,
        };
        self.running.remove(place?)
    }

    /// Appends what was not printed of a task at whose end the slot holds `held` tokens.
    fn sum_up(&mut self, task: RunningTask, held: u64, out: &mut Vec<Derived<'_>>) {
        let own = (task.speaker, task.number);
        let is_cancelled = task.generated.is_none() && self.cancelled.take(own);
        if task.generated.is_some() || task.failed {
            return;
        }
        let held = task.held(held);
        // Without a word of the cache nothing ran: what the slot holds is of the task before.
        match task.cached {
            Some(cached) if is_cancelled => task.cut_off(held, cached, out),
            // Answers have timings; what ended well without them was read for its embedding.
            cached if !is_cancelled && (self.embeds || cached.is_some() && held == task.prompt) => {
                let tokens = Tokens {
                    cached,
                    ..Tokens::of(Phase::Embedding, task.prompt)
                };
                out.extend((task.prompt > 0).then_some(Derived::Tokens(tokens)));
            }
            _ => {}
        }
    }
}
