//! Whether a line is understood that gives no point where it stands.

use super::patterns;

/// Whether a pattern of the tables has `message`: it gives points on its own, which [`Reader`](super::Reader) leaves out where another
/// line has told the same, or it is a step of a task, which gives points at its end, or it is known to give nothing.
#[must_use]
pub fn is_known(message: &str) -> bool {
    patterns::step(message).is_some() || patterns::read(message, &mut Vec::new())
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
