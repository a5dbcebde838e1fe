//! Steps of llama-server's tasks from the values of their lines.

use std::borrow::Cow;

use serde::Deserialize;

use super::template::Cut;
use crate::insight::scan;
use crate::insight::slot::{self, SlotLine, StepLine, TaskLine, TaskStep};
use crate::record::{Phase, Tokens};

/// A step, as tables name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StepName {
    Prompt,
    Cached,
    Shift,
    Timing,
    Draft,
    Release,
    Cancel,
    Failed,
}

impl StepName {
    /// The step of a line; `None` when a value does not fit.
    pub(super) fn read<'a>(self, cut: &Cut<'_, 'a>) -> Option<StepLine<'a>> {
        if !cut
            .values()
            .all(|(own, value)| own.form.read(Cow::Borrowed(value)).is_some())
        {
            return None;
        }
        let number = |name| scan::integer(cut.text(name)?);
        let task = number("task")?;
        let step = match self {
            Self::Cancel => return Some(StepLine::Task(TaskLine::Cancel { task })),
            Self::Failed => {
                let error = cut.text("error")?;
                return Some(StepLine::Task(TaskLine::Failed { task, error }));
            }
            Self::Prompt => TaskStep::Prompt {
                context: number("context")?,
                tokens: number("tokens")?,
            },
            Self::Cached => TaskStep::Cached(number("tokens")?),
            Self::Shift => TaskStep::Shift {
                discarded: number("discarded")?,
            },
            Self::Timing => TaskStep::Timing(slot::timing(cut.text("timing")?)?),
            Self::Draft => draft(number("accepted")?, number("generated")?)?,
            Self::Release => TaskStep::Release {
                tokens: number("tokens")?,
                truncated: number("truncated")?,
            },
        };
        let slot = number("slot")?;
        Some(StepLine::Slot(SlotLine { slot, task, step }))
    }
}

fn draft(accepted: u64, generated: u64) -> Option<TaskStep> {
    (generated > 0 && accepted <= generated).then(|| {
        TaskStep::Draft(Tokens {
            accepted: Some(accepted),
            ..Tokens::of(Phase::Draft, generated)
        })
    })
}
