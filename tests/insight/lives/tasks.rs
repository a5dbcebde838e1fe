//! Tasks of llama-server: their lines from the prompt to the slot's release, however they end.

use super::answering::{Place, READ, WRITTEN, timing};
use super::life::{Life, MS, Runner, embeds};
use super::script::{Task, TaskEnd};
use super::totals::PhaseSum;
use super::version::Version;

impl Life {
    fn slot_line(&mut self, place: &Place, time: u64, function: &str, text: &str) {
        let Place { slot, number, .. } = place;
        self.line(
            time,
            format!("slot {function:>12}: id {slot:>2} | task {number} | {text}"),
        );
    }

    /// The first lines of a task, and of the prompt's parts as far as they are begun; what was in the cache.
    fn prompt(&mut self, place: &Place, task: &Task, runs: bool) -> u64 {
        let cached = task.prompt * task.cached / 100;
        self.line(place.start, "srv  get_availabl: updating prompt cache");
        self.line(place.start, "srv        update:    - prompt 0x5629d64eb0c0:     144 tokens, checkpoints:  0,     0.037 MiB");
        self.slot_line(
            place,
            place.start,
            "launch_slot_",
            "processing task, is_child = 0",
        );
        self.slot_line(
            place,
            place.start,
            "operator()",
            &format!(
                "new prompt, n_ctx_slot = 4096, n_keep = 4, task.n_tokens = {}",
                task.prompt
            ),
        );
        if !runs {
            return cached;
        }
        self.slot_line(
            place,
            place.start,
            "operator()",
            &format!("cached n_tokens = {cached}, memory_seq_rm [{cached}, end)"),
        );
        // Long prompts are read in parts.
        for part in 1..=(task.prompt - cached) / 512 {
            let done = cached + part * 512;
            self.slot_line(
                place,
                place.start + part * 512 * READ,
                "operator()",
                &format!("cached n_tokens = {done}, memory_seq_rm [{done}, end)"),
            );
        }
        cached
    }

    fn release(&mut self, place: &Place, time: u64, held: u64) {
        self.slot_line(
            place,
            time,
            "release",
            &format!("stop processing: n_tokens = {held}, truncated = 0"),
        );
        self.line(time, "srv  update_slots: all slots are idle");
        self.runners[place.runner].slots[place.slot].held = held;
    }

    /// The client's end, told by the runner's HTTP.
    fn cancel(&mut self, place: &Place, time: u64) {
        self.line(
            time,
            format!("srv          stop: cancel task, id_task = {}", place.number),
        );
    }

    pub(super) fn new_answer(&mut self, place: &Place, task: &Task) -> (u64, &'static str) {
        if task.end == TaskEnd::CutInQueue {
            self.cancel(place, place.start);
            self.totals.event("abort");
            return (place.start, "500");
        }
        let runs = !matches!(
            task.end,
            TaskEnd::CutBefore | TaskEnd::CutInQueue | TaskEnd::BeyondContext
        );
        let cached = self.prompt(place, task, runs);
        let begins = place.start + (task.prompt - cached) * READ + MS;
        let before = self.runners[place.runner].slots[place.slot].held;
        match task.end {
            TaskEnd::Complete => (self.complete(place, task, cached, begins), "200"),
            TaskEnd::CutInAnswer => {
                let (end, held) = self.write(place, task, begins);
                self.cancel(place, end);
                self.release(place, end, held);
                self.totals.event("abort");
                self.cut_off(task.prompt, cached, task.generated);
                (end, "200")
            }
            TaskEnd::CutInPrompt(percent) => {
                let read = cached + (task.prompt - cached) * percent / 100;
                let end = begins + 1;
                self.cancel(place, end);
                self.release(place, end, read);
                self.totals.event("abort");
                self.cut_off(read, cached, 0);
                (end, "500")
            }
            TaskEnd::CutBefore | TaskEnd::CutInQueue => {
                self.cancel(place, place.start + 9);
                self.release(place, place.start + 9, before);
                self.totals.event("abort");
                (place.start + 9, "500")
            }
            TaskEnd::BeyondContext => {
                let error = format!(
                    "request ({} tokens) exceeds the available context size (4096 tokens), try increasing it",
                    task.prompt
                );
                self.fails(place, place.start, "context_exceeded", &error, before);
                (place.start, "400")
            }
            TaskEnd::Fails => {
                self.fails(
                    place,
                    begins,
                    "task_failed",
                    "input is too large to process. increase the physical batch size",
                    task.prompt,
                );
                (begins, "500")
            }
        }
    }

    /// What is counted of an answer that was cancelled.
    fn cut_off(&mut self, read: u64, cached: u64, written: u64) {
        let read = PhaseSum {
            tokens: read,
            cached,
            ..PhaseSum::default()
        };
        self.totals.tokens("prompt_cancelled", read);
        let written = PhaseSum {
            tokens: written,
            cancelled: written,
            ..PhaseSum::default()
        };
        self.totals.tokens("generation", written);
    }

    /// The runner is through with the task before its client is.
    fn fails(&mut self, place: &Place, time: u64, kind: &str, error: &str, held: u64) {
        self.line(
            time,
            format!(
                "srv    send_error: task id = {}, error: {error}",
                place.number
            ),
        );
        self.release(place, time, held);
        self.cancel(place, time);
        self.totals.event(kind);
    }

    /// The answer itself, which is silent but for shifts of the context; when it ends, and what the slot holds then.
    fn write(&mut self, place: &Place, task: &Task, begins: u64) -> (u64, u64) {
        let end = begins + task.generated * WRITTEN;
        let mut held = task.prompt + task.generated - 1;
        for shift in 0..task.shifts {
            let discarded = held / 2;
            let time = begins + (end - begins) * (shift + 1) / (task.shifts + 1);
            self.slot_line(
                place,
                time,
                "update_slots",
                &format!(
                    "slot context shift, n_keep = 4, n_left = {}, n_discard = {discarded}",
                    2 * discarded
                ),
            );
            self.totals.event("context_shift");
            held -= discarded;
        }
        (end, held)
    }

    fn complete(&mut self, place: &Place, task: &Task, cached: u64, begins: u64) -> u64 {
        let (end, held) = self.write(place, task, begins);
        let (read, written) = (task.prompt - cached, task.generated);
        for (what, tokens, per_token) in [
            ("prompt eval time", read, READ),
            ("       eval time", written, WRITTEN),
        ] {
            self.slot_line(
                place,
                end,
                "print_timing",
                &timing(what, "tokens", tokens, per_token),
            );
        }
        self.slot_line(
            place,
            end,
            "print_timing",
            &format!(
                "      total time =       1.00 ms / {:>5} tokens",
                read + written
            ),
        );
        if let Some((guessed, accepted)) = task.draft {
            let share = format!("{:.5}", accepted as f64 / guessed as f64);
            let text = if self.version == Version::V0_30 {
                format!(
                    "draft acceptance rate = {share} ({accepted:>5} accepted / {guessed:>5} generated)"
                )
            } else {
                format!(
                    "draft acceptance = {share} ({accepted:>5} accepted / {guessed:>5} generated), mean len =  4.00"
                )
            };
            self.slot_line(place, end, "print_timing", &text);
            self.totals.tokens(
                "draft",
                PhaseSum {
                    tokens: guessed,
                    accepted,
                    ..PhaseSum::default()
                },
            );
        }
        self.release(place, end, held);
        if self.version == Version::V0_30 {
            self.line(
                end,
                "srv  log_server_r: done request: POST /completion 127.0.0.1 200",
            );
        }
        self.totals.tokens(
            "prompt",
            PhaseSum {
                tokens: task.prompt,
                cached,
                ..PhaseSum::default()
            },
        );
        self.totals.tokens(
            "generation",
            PhaseSum {
                tokens: written,
                ..PhaseSum::default()
            },
        );
        end
    }

    /// A text that is read for its embedding: no timings, and the slot need not say what it holds.
    pub(super) fn embedding(&mut self, place: &Place, task: &Task) -> u64 {
        let end = place.start + task.prompt * READ;
        if !self.version.is_llama_server() {
            return end;
        }
        let task = Task { cached: 0, ..*task };
        self.prompt(place, &task, true);
        let held = if task.generated.is_multiple_of(2) {
            task.prompt
        } else {
            0
        };
        self.release(place, end, held);
        self.totals.tokens(
            "embedding",
            PhaseSum {
                tokens: task.prompt,
                ..PhaseSum::default()
            },
        );
        end
    }

    /// A task whose runner is killed: its first lines.
    pub(super) fn never_ends(&mut self, runner: &Runner) {
        if !self.version.is_llama_server() || embeds(runner.model) {
            return;
        }
        let now = self.now;
        let is_taken = |number: u64| {
            let mut tasks = self.tasks.iter();
            tasks.any(|(task, until, _)| *task == number && *until >= now)
        };
        let number = (runner.next_task..).find(|number| !is_taken(*number));
        let Some(number) = number else {
            return;
        };
        let of = format!("id  0 | task {number} |");
        self.line(self.now, format!("slot   operator(): {of} new prompt, n_ctx_slot = 4096, n_keep = 4, task.n_tokens = 77"));
        if number.is_multiple_of(2) {
            self.line(
                self.now,
                format!("slot   operator(): {of} cached n_tokens = 7, memory_seq_rm [7, end)"),
            );
        }
    }
}
