//! Short lives in which little tells two things apart: each was told wrongly once.

use super::script::{Act, Deed, Fate, Load, Task, TaskEnd};
use super::{Version, tells_the_totals};

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

fn is_told(script: &[Act]) {
    tells_the_totals(Version::V0_33, false, script).unwrap();
}

#[test]
fn a_load_given_up_beside_others_leaves_the_model_to_those_given_up_later() {
    let aborted = Load {
        fate: Fate::Aborted,
        millis: 200,
        ..LOAD
    };
    is_told(&[
        ask(0, LOAD, TASK),
        ask(1, aborted, TASK),
        Act {
            pause: 9_000_000,
            ..ask(2, aborted, TASK)
        },
    ]);
}

#[test]
fn two_runners_tasks_of_one_slot_and_number_keep_their_context_shifts() {
    let shifting = Task { shifts: 1, ..TASK };
    let longer = Task {
        prompt: 900,
        generated: 700,
        ..TASK
    };
    is_told(&[ask(0, LOAD, shifting), ask(1, LOAD, longer)]);
}

#[test]
fn a_task_cancelled_before_it_had_a_slot_takes_nothing_from_a_later_one_of_its_number() {
    let in_queue = Task {
        end: TaskEnd::CutInQueue,
        ..TASK
    };
    let embedding = super::life::MODELS - 1;
    is_told(&[
        ask(0, LOAD, in_queue),
        Act {
            pause: 9_000_000,
            ..ask(embedding, LOAD, TASK)
        },
    ]);
}

#[test]
fn the_second_line_of_a_loads_end_is_of_that_load_however_late_it_comes() {
    let late = Load {
        twin: 50_000,
        millis: 500,
        ..LOAD
    };
    is_told(&[ask(0, LOAD, TASK), ask(1, late, TASK)]);
}
