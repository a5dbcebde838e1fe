//! Answers and embeddings: where a task runs, and what is printed of it before there was llama-server.

use super::life::{Life, Runner, embeds};
use super::script::{Task, TaskEnd};
use super::totals::PhaseSum;
use super::version::Version;

/// What takes time in a task: a token read, and one written, in microseconds.
pub(super) const READ: u64 = 150;
pub(super) const WRITTEN: u64 = 4_000;
/// From the last word of a task to the line of its request, before or after it.
const TO_REQUEST: u64 = 700;

/// A task, and where it runs.
pub(super) struct Place {
    pub(super) runner: usize,
    pub(super) slot: usize,
    pub(super) number: u64,
    pub(super) start: u64,
}

impl Life {
    /// A request that began at `began`, and has a runner or will have one.
    pub(super) fn answer(&mut self, model: usize, began: u64, task: &Task) {
        let Some(runner) = self.runners.iter().position(|runner| runner.model == model) else {
            return;
        };
        let is_answer = !embeds(model) && task.end == TaskEnd::Complete;
        let place = self.place(runner, began, is_answer);
        let (end, status) = if embeds(model) {
            (self.embedding(&place, task), "200")
        } else {
            match self.version {
                Version::V0_1_34 => self.old_answer(&place, task),
                Version::V0_12 | Version::V0_24 => (
                    place.start + task.prompt * READ + task.generated * WRITTEN,
                    "200",
                ),
                Version::V0_30 | Version::V0_33 => self.new_answer(&place, task),
            }
        };
        self.runners[place.runner].slots[place.slot].free = end + 1;
        self.tasks.push((place.number, end, is_answer));
        let ended = if task.prompt.is_multiple_of(2) {
            end + TO_REQUEST
        } else {
            end.saturating_sub(TO_REQUEST)
        };
        self.answered(model, status, began, ended.max(place.start));
    }

    /// The slot that is free first, and a number. Tasks of two runners may have one number at once, but only if both come to an answer: the lines of a
    /// cancelled or failed one name no slot, and nobody could say whose they are.
    fn place(&mut self, runner: usize, began: u64, is_answer: bool) -> Place {
        let now = began.max(self.now);
        self.tasks.retain(|(_, until, _)| *until >= now);
        let Runner {
            ready,
            slots,
            next_task,
            ..
        } = &mut self.runners[runner];
        let slot = (0..slots.len())
            .min_by_key(|slot| slots[*slot].free)
            .unwrap_or(0);
        let start = now.max(*ready).max(slots[slot].free);
        let is_taken = |number: u64| {
            let mut tasks = self.tasks.iter();
            tasks.any(|(task, _, answers)| *task == number && !(is_answer && *answers))
        };
        while is_taken(*next_task) {
            *next_task += 1;
        }
        let number = *next_task;
        *next_task += 1 + began % 7;
        Place {
            runner,
            slot,
            number,
            start,
        }
    }

    /// The JSON of 0.1.34, which has the tokens that were processed, and nothing of an answer that was cut.
    fn old_answer(&mut self, place: &Place, task: &Task) -> (u64, &'static str) {
        let Place {
            slot,
            number,
            start,
            ..
        } = place;
        let of = format!(r#""slot_id":{slot},"task_id":{number},"tid":"1","timestamp":1714000000"#);
        let cached = task.prompt * task.cached / 100;
        self.line(*start, format!(r#"{{"function":"launch_slot_with_data","level":"INFO","line":833,"msg":"slot is processing task",{of}}}"#));
        self.line(*start, format!(r#"{{"function":"update_slots","level":"INFO","line":1836,"msg":"kv cache rm [p0, end)","p0":{cached},{of}}}"#));
        let end = start + (task.prompt - cached) * READ + task.generated * WRITTEN;
        let is_complete = task.end == TaskEnd::Complete;
        if is_complete {
            for (phase, what, unit, tokens, per_token) in [
                (
                    "prompt",
                    "prompt eval time     ",
                    "tokens",
                    task.prompt - cached,
                    READ,
                ),
                (
                    "generation",
                    "generation eval time ",
                    "runs  ",
                    task.generated,
                    WRITTEN,
                ),
            ] {
                let timing = timing(what.trim_end(), unit, tokens, per_token);
                self.line(end, format!(r#"{{"function":"print_timings","level":"INFO","line":257,"msg":"{timing}",{of}}}"#));
                self.totals.tokens(
                    phase,
                    PhaseSum {
                        tokens,
                        ..PhaseSum::default()
                    },
                );
            }
        }
        self.line(end, format!(r#"{{"function":"update_slots","level":"INFO","line":1644,"msg":"slot released","n_ctx":4096,{of},"truncated":false}}"#));
        self.line(end, r#"{"function":"log_server_request","level":"INFO","line":2741,"method":"POST","msg":"request","params":{},"path":"/completion","status":200}"#);
        (end, "200")
    }
}

/// As `llama.cpp` prints what so many tokens took.
pub(super) fn timing(what: &str, unit: &str, tokens: u64, micros: u64) -> String {
    let ms = (tokens * micros) as f64 / 1e3;
    // C's `printf` of a division by zero.
    let (each, speed) = match tokens {
        0 => ("inf".to_owned(), "nan".to_owned()),
        _ => (
            format!("{:.2}", micros as f64 / 1e3),
            format!("{:.2}", 1e6 / micros as f64),
        ),
    };
    format!(
        "{what} = {ms:>10.2} ms / {tokens:>5} {unit} ({each:>8} ms per token, {speed:>8} tokens per second)"
    )
}
