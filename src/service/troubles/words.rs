//! What is said of a trouble, in words (pure).

use super::watcher::{ApartFacts, DownFacts, TroubleMessage};
use crate::base::human::{count, span, things};
use crate::base::when::When;

/// The line for `message`; `pending` is how many entries wait, if that is known.
pub(super) fn of(message: &TroubleMessage, pending: Option<u64>) -> String {
    match message {
        TroubleMessage::Down(facts) => format!(
            "InfluxDB takes nothing, the spool keeps what comes{}: {}",
            next_try(facts),
            reason(facts.reason.as_ref())
        ),
        TroubleMessage::OtherReason(facts) => format!(
            "InfluxDB still takes nothing{}: {}",
            next_try(facts),
            reason(facts.reason.as_ref())
        ),
        TroubleMessage::StillDown(facts) => still_down(facts, pending),
        TroubleMessage::Up(facts) => {
            let (length, tries) = (span(facts.length), tries(facts));
            let between = match facts.delivered {
                0 => String::new(),
                lines => format!(", {} delivered in between", things(lines, "line", "lines")),
            };
            format!("InfluxDB takes lines again after {length} and {tries}{between}")
        }
        TroubleMessage::Apart(facts) => {
            let lines = things(facts.lines, "line is", "lines are");
            let reason = reason(facts.reason.as_ref());
            format!(
                "{lines} set apart: InfluxDB refused or failed at a request with them; they are tried in smaller parts, \
                 everything else goes on: {reason}"
            )
        }
        TroubleMessage::StillApart(facts) => still_apart(facts),
        TroubleMessage::NoneApart(facts) => {
            let length = span(facts.length);
            let delivered = things(facts.delivered, "line was", "lines were");
            let quarantined = count(facts.quarantined);
            format!(
                "nothing is set apart any more after {length}: {delivered} delivered after all, {quarantined} went to quarantine"
            )
        }
    }
}

fn still_down(facts: &DownFacts, pending: Option<u64>) -> String {
    let trouble = match facts.delivered {
        0 => "has taken nothing",
        _ => "has failed again and again",
    };
    let since = When(facts.began_at).to_clock(When(facts.now));
    let (length, mut counts) = (span(facts.length), vec![tries(facts)]);
    if facts.delivered > 0 {
        let lines = things(facts.delivered, "line", "lines");
        counts.push(format!("{lines} delivered in between"));
    }
    counts
        .extend(pending.map(|entries| format!("{} pending", things(entries, "entry", "entries"))));
    let (counts, next) = (counts.join(", "), next_try(facts));
    let reason = reason(facts.reason.as_ref());
    format!("InfluxDB {trouble} since {since} ({length}): {counts}{next}: {reason}")
}

fn still_apart(facts: &ApartFacts) -> String {
    let lines = things(facts.lines, "line has", "lines have");
    let mut text = format!(
        "{lines} been set apart for {}, everything else goes on",
        span(facts.length)
    );
    let alone = "refused alone, and waits until another line of its measurement is stored";
    match facts.unproven {
        0 => {}
        1 => text.push_str(&format!("; 1 was {alone}")),
        lines => text.push_str(&format!(
            "; {} were refused alone, and wait until another line of their measurement is stored",
            count(lines)
        )),
    }
    if facts.quarantined > 0 {
        let lines = things(facts.quarantined, "line", "lines");
        text.push_str(&format!("; {lines} went to quarantine so far"));
    }
    let reason = reason(facts.reason.as_ref());
    format!("{text}: {reason}")
}

fn tries(facts: &DownFacts) -> String {
    things(facts.tries, "failed try", "failed tries")
}

fn next_try(facts: &DownFacts) -> String {
    match facts.next_try {
        None => String::new(),
        Some(wait) if wait.as_secs() == 0 => "; next try at once".to_owned(),
        Some(wait) => format!("; next try in {}", span(wait)),
    }
}

fn reason(reason: Option<&String>) -> &str {
    reason.map_or("for no reason given", String::as_str)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MINUTES: Duration = Duration::from_secs(600);

    #[test]
    fn an_outage_is_told_with_what_is_tried_how_long_it_lasts_and_how_much_waits() {
        let mut facts = DownFacts {
            began_at: 1_763_906_520_000_000,
            length: MINUTES,
            tries: 37,
            next_try: Some(Duration::from_secs(40)),
            reason: Some("Connection refused".to_owned()),
            now: 1_763_907_120_000_000,
            ..DownFacts::default()
        };
        assert_eq!(
            of(&TroubleMessage::Down(facts.clone()), None),
            "InfluxDB takes nothing, the spool keeps what comes; next try in 40 s: Connection refused"
        );
        let since = When(facts.began_at).to_clock(When(facts.now));
        assert_eq!(
            of(&TroubleMessage::StillDown(facts.clone()), Some(12_340)),
            format!(
                "InfluxDB has taken nothing since {since} (10 min): 37 failed tries, 12,340 entries pending; \
                 next try in 40 s: Connection refused"
            )
        );
        assert_eq!(
            of(&TroubleMessage::Up(facts.clone()), None),
            "InfluxDB takes lines again after 10 min and 37 failed tries"
        );
        facts.delivered = 1;
        assert_eq!(
            of(&TroubleMessage::Up(facts), None),
            "InfluxDB takes lines again after 10 min and 37 failed tries, 1 line delivered in between"
        );
    }

    #[test]
    fn lines_set_apart_are_told_with_what_is_done_and_what_becomes_of_them() {
        let facts = ApartFacts {
            length: MINUTES,
            lines: 1_000,
            unproven: 2,
            delivered: 988,
            quarantined: 12,
            reason: Some("HTTP 400: conflict".to_owned()),
        };
        assert_eq!(
            of(&TroubleMessage::Apart(facts.clone()), None),
            "1,000 lines are set apart: InfluxDB refused or failed at a request with them; they are tried in smaller parts, \
             everything else goes on: HTTP 400: conflict"
        );
        assert_eq!(
            of(&TroubleMessage::StillApart(facts.clone()), None),
            "1,000 lines have been set apart for 10 min, everything else goes on; 2 were refused alone, and wait until another \
             line of their measurement is stored; 12 lines went to quarantine so far: HTTP 400: conflict"
        );
        assert_eq!(
            of(&TroubleMessage::NoneApart(facts), None),
            "nothing is set apart any more after 10 min: 988 lines were delivered after all, 12 went to quarantine"
        );
    }
}
