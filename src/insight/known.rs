//! Whether a line is understood that gives no point where it stands.

use super::slot;
use crate::record::Derived;

/// Whether `message` is understood by itself: it gives points on its own, which [`Reader`](super::Reader) leaves out where another
/// line has told the same, or it is a step of a task, which gives points at its end.
#[must_use]
pub fn is_known(message: &str) -> bool {
    let mut points: Vec<Derived<'_>> = Vec::new();
    super::derive(message, &mut points);
    !points.is_empty() || is_step(message)
}

/// Whether `message` is of a task.
pub(super) fn is_step(message: &str) -> bool {
    slot::slot_line(message).is_some() || slot::task_line(message).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twins_and_steps_of_a_task_are_known_and_other_lines_are_not() {
        for line in [
            "slot   operator(): id  0 | task 12 | cached n_tokens = 40, memory_seq_rm [40, end)",
            "srv          stop: cancel task, id_task = 12",
            "alloc_tensor_range: failed to allocate CPU buffer of size 1000",
        ] {
            assert!(is_known(line), "{line}");
        }
        assert!(!is_known("print_info: n_merges         = 4"));
    }
}
