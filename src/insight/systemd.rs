//! What systemd says of the unit, in the unit's own journal.

use std::borrow::Cow;

use super::scan;
use crate::record::{Derived, Event, Fact, Kind};

/// `ollama.service: Main process exited, code=killed, status=9/KILL` and its siblings.
pub(super) fn derive(text: &str) -> Option<Derived<'_>> {
    let (unit, what) = text.split_once(": ")?;
    if !unit.ends_with(".service") || unit.contains(' ') {
        return None;
    }
    let event = if let Some(status) = what.strip_prefix("Main process exited, ") {
        let error = scan::brief(Cow::Borrowed(status));
        Event::of(Kind::UnitExited).with(Fact::Error(error))
    } else if let Some(count) = what.strip_prefix("Scheduled restart job, restart counter is at ") {
        let count = scan::integer(count.strip_suffix('.')?)?;
        Event::of(Kind::UnitRestart).with(Fact::Count(count))
    } else {
        Event::of(match what {
            "A process of this unit has been killed by the OOM killer." => Kind::UnitOomKill,
            "Start request repeated too quickly." => Kind::UnitStartLimit,
            _ => return None,
        })
    };
    Some(Derived::Event(event))
}
