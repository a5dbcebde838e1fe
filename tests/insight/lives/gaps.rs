//! What a reader tells wrongly. Lives leave it out for as long as it is listed here, and each has a short life that shows it: a gap that is closed is struck off,
//! and lives are played without that mercy from then on.

use super::script::{Act, Deed, Fate, Load, Task, TaskEnd};
use super::{Life, Totals, Version};
use shipper::insight::Reader;

/// A load that is given up while others are under way leaves its start behind: loads given up later have no model.
pub(super) const START_OF_ABORTED: bool = false;
/// Of two runners' tasks of one slot and number, the one that began last gets the context shifts of both; both end with wrong tokens.
pub(super) const SHIFTS_OF_TWO: bool = false;
/// The number of a task that was cancelled before it had a slot is kept when its runner is gone: a text of that number is not counted as embedded.
pub(super) const CANCELLED_IN_QUEUE: bool = false;
/// The second line of a load's end, more than 3 ms after the first, takes the start of another load that began within 100 ms before; and where the end of another
/// load stands between the two, it is counted.
pub(super) const LATE_TWIN: bool = false;

const LOAD: Load = Load {
    millis: 2_000,
    clock: 5,
    twin: 0,
    fate: Fate::Done,
};

const TASK: Task = Task {
    prompt: 100,
    cached: 10,
    generated: 300,
    shifts: 0,
    draft: None,
    end: TaskEnd::Complete,
};

fn ask(model: usize, load: Load, task: Task) -> Act {
    let pause = 60_000;
    Act {
        pause,
        deed: Deed::Ask { model, load, task },
    }
}

fn is_wrong(script: &[Act]) -> bool {
    let (lines, totals) = Life::play_without_mercy(Version::V0_33, script);
    let lines = lines.iter().map(|line| line.text.as_str());
    let told = Totals::told(&mut Reader::default(), lines);
    !totals.differences(&told).is_empty()
}

#[test]
fn a_gap_that_is_closed_is_struck_off() {
    let aborted = Load {
        fate: Fate::Aborted,
        millis: 200,
        ..LOAD
    };
    let aborts = [
        ask(0, LOAD, TASK),
        ask(1, aborted, TASK),
        Act {
            pause: 9_000_000,
            ..ask(2, aborted, TASK)
        },
    ];
    assert_eq!(is_wrong(&aborts), START_OF_ABORTED);

    let shifting = Task { shifts: 1, ..TASK };
    let longer = Task {
        prompt: 900,
        generated: 700,
        ..TASK
    };
    let shifts = [ask(0, LOAD, shifting), ask(1, LOAD, longer)];
    assert_eq!(is_wrong(&shifts), SHIFTS_OF_TWO);

    let in_queue = Task {
        end: TaskEnd::CutInQueue,
        ..TASK
    };
    let embedding = super::life::MODELS - 1;
    let queue = [ask(0, LOAD, in_queue), ask(embedding, LOAD, TASK)];
    let queue = [
        &queue[..1],
        &[Act {
            pause: 9_000_000,
            ..queue[1].clone()
        }],
    ]
    .concat();
    assert_eq!(is_wrong(&queue), CANCELLED_IN_QUEUE);

    let late = Load {
        twin: 50_000,
        millis: 500,
        ..LOAD
    };
    let twins = [ask(0, LOAD, TASK), ask(1, late, TASK)];
    assert_eq!(is_wrong(&twins), LATE_TWIN);
}
