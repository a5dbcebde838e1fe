//! Lines of llama-server's slots and of its HTTP side, 0.30 and later, and the timings that older runners print (pure).

use super::scan;
use crate::record::{Decimal, Phase, Tokens};

/// A line that begins with `slot `: what a slot does with its task.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SlotLine {
    pub(super) slot: u64,
    pub(super) task: u64,
    pub(super) step: TaskStep,
}

/// A step of a task.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TaskStep {
    /// `new prompt, n_ctx_slot = 131072, n_keep = 4, task.n_tokens = 14892`
    Prompt { context: u64, tokens: u64 },
    /// `cached n_tokens = 40, memory_seq_rm [40, end)`: what need not be processed. Long prompts repeat it with what is done so far.
    Cached(u64),
    /// `slot context shift, n_keep = 4, n_left = 200, n_discard = 100`: the context was full, and lost its oldest tokens.
    Shift { discarded: u64 },
    /// `prompt eval time = …`, `eval time = …`
    Timing(Tokens),
    /// `draft acceptance = 0.75000 (   60 accepted /    80 generated), mean len =  4.00`
    Draft(Tokens),
    /// `stop processing: n_tokens = 218, truncated = 0`: the slot is free.
    Release { tokens: u64, truncated: u64 },
}

/// A line that begins with `srv `: what becomes of a task, without its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TaskLine<'a> {
    /// `stop: cancel task, id_task = 12`: nobody waits for it any more.
    Cancel { task: u64 },
    /// `send_error: task id = 12, error: …`
    Failed { task: u64, error: &'a str },
}

/// A step of a task, by the line that tells of it.
#[derive(Debug)]
pub(super) enum StepLine<'a> {
    Slot(SlotLine),
    Task(TaskLine<'a>),
}

/// Tokens of a prompt and of the context, of `request (900 tokens) exceeds the available context size (512 tokens), try increasing it`.
pub(super) fn beyond_context(error: &str) -> Option<(u64, u64)> {
    let (prompt, rest) = error
        .strip_prefix("request (")?
        .split_once(" tokens) exceeds the available context size (")?;
    let (context, _) = rest.split_once(" tokens)")?;
    Some((scan::integer(prompt)?, scan::integer(context)?))
}

/// `prompt eval time =      85.00 ms /    26 tokens (    3.27 ms per token,   305.87 tokens per second)`
///
/// Where a speed cannot be computed, `inf` or `nan` stands for it. Nothing processed gives nothing.
pub(super) fn timing(text: &str) -> Option<Tokens> {
    let (label, rest) = text.split_once('=')?;
    let phase = match label.trim_matches(' ') {
        "prompt eval time" => Phase::Prompt,
        "eval time" | "generation eval time" => Phase::Generation,
        _ => return None,
    };
    let (ms, rest) = rest.split_once(" ms / ")?;
    let (count, rest) = rest.trim_start_matches(' ').split_once(' ')?;
    let rest = rest
        .strip_prefix("tokens")
        .or_else(|| rest.strip_prefix("runs"))?;
    let (per_token, rest) = rest
        .trim_start_matches(' ')
        .strip_prefix('(')?
        .split_once(" ms per token,")?;
    let per_second = rest.strip_suffix(" tokens per second)")?;
    rate(per_token)?;
    Some(Tokens {
        ms: Some(Decimal::parse(ms.trim_start_matches(' '))?),
        tokens_per_second: rate(per_second)?,
        ..Tokens::of(phase, scan::integer(count).filter(|tokens| *tokens > 0)?)
    })
}

/// A number, or `Some(None)` for what C prints in place of one.
#[expect(
    clippy::option_option,
    reason = "no number and malformed differ: the latter spoils the line"
)]
fn rate(text: &str) -> Option<Option<Decimal>> {
    match text.trim_start_matches(' ') {
        "inf" | "nan" | "-nan" => Some(None),
        number => Decimal::parse(number).map(Some),
    }
}
