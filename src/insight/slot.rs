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

/// `slot print_timing: id  0 | task 4 | …` and its siblings.
pub(super) fn slot_line(text: &str) -> Option<SlotLine> {
    let text = text.strip_prefix("slot ")?.trim_start_matches(' ');
    let (function, rest) = text.split_once(": id ")?;
    let (slot, rest) = rest.split_once(" | task ")?;
    let (task, what) = rest.split_once(" | ")?;
    let step = match function {
        "print_timing" => timing(what).map(TaskStep::Timing).or_else(|| draft(what))?,
        "release" => release(what)?,
        "operator()" | "update_slots" => prompt(what)
            .or_else(|| cached(what))
            .or_else(|| shift(what))?,
        _ => return None,
    };
    Some(SlotLine {
        slot: scan::integer(slot.trim_matches(' '))?,
        task: scan::integer(task)?,
        step,
    })
}

/// `srv          stop: cancel task, id_task = 12`, `srv    send_error: task id = 12, error: …`
pub(super) fn task_line(text: &str) -> Option<TaskLine<'_>> {
    let text = text.strip_prefix("srv ")?.trim_start_matches(' ');
    if let Some(task) = text.strip_prefix("stop: cancel task, id_task = ") {
        let task = scan::integer(task)?;
        return Some(TaskLine::Cancel { task });
    }
    let (task, error) = text
        .strip_prefix("send_error: task id = ")?
        .split_once(", error: ")?;
    let task = scan::integer(task)?;
    Some(TaskLine::Failed { task, error })
}

/// Tokens of a prompt and of the context, of `request (900 tokens) exceeds the available context size (512 tokens), try increasing it`.
pub(super) fn beyond_context(error: &str) -> Option<(u64, u64)> {
    let (prompt, rest) = error
        .strip_prefix("request (")?
        .split_once(" tokens) exceeds the available context size (")?;
    let (context, _) = rest.split_once(" tokens)")?;
    Some((scan::integer(prompt)?, scan::integer(context)?))
}

fn release(what: &str) -> Option<TaskStep> {
    let (tokens, truncated) = what
        .strip_prefix("stop processing: n_tokens = ")?
        .split_once(", truncated = ")?;
    Some(TaskStep::Release {
        tokens: scan::integer(tokens)?,
        truncated: scan::integer(truncated).filter(|truncated| *truncated <= 1)?,
    })
}

fn prompt(what: &str) -> Option<TaskStep> {
    let (context, rest) = what
        .strip_prefix("new prompt, n_ctx_slot = ")?
        .split_once(", n_keep = ")?;
    let (keep, tokens) = rest.split_once(", task.n_tokens = ")?;
    scan::integer(keep.strip_prefix('-').unwrap_or(keep))?;
    Some(TaskStep::Prompt {
        context: scan::integer(context)?,
        tokens: scan::integer(tokens)?,
    })
}

fn cached(what: &str) -> Option<TaskStep> {
    let (tokens, range) = what
        .strip_prefix("cached n_tokens = ")?
        .split_once(", memory_seq_rm [")?;
    scan::integer(range.strip_suffix(", end)")?)?;
    scan::integer(tokens).map(TaskStep::Cached)
}

fn shift(what: &str) -> Option<TaskStep> {
    let (keep, rest) = what
        .strip_prefix("slot context shift, n_keep = ")?
        .split_once(", n_left = ")?;
    let (left, discarded) = rest.split_once(", n_discard = ")?;
    scan::integer(keep)?;
    scan::integer(left)?;
    let discarded = scan::integer(discarded)?;
    Some(TaskStep::Shift { discarded })
}

/// Up to some version `draft acceptance rate = …`, and without the mean length.
fn draft(what: &str) -> Option<TaskStep> {
    let what = what.strip_prefix("draft acceptance")?;
    let what = what.strip_prefix(" rate").unwrap_or(what);
    let (share, rest) = what.strip_prefix(" = ")?.split_once(" (")?;
    Decimal::parse(share.trim_start_matches(' '))?;
    let (accepted, rest) = rest.split_once(" accepted /")?;
    let (generated, rest) = rest.split_once(" generated)")?;
    if let Some(length) = rest.strip_prefix(", mean len =") {
        Decimal::parse(length.trim_start_matches(' '))?;
    } else if !rest.is_empty() {
        return None;
    }
    let accepted = scan::integer(accepted.trim_start_matches(' '))?;
    let generated = scan::integer(generated.trim_start_matches(' '))?;
    (generated > 0 && accepted <= generated).then(|| {
        TaskStep::Draft(Tokens {
            accepted: Some(accepted),
            ..Tokens::of(Phase::Draft, generated)
        })
    })
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
