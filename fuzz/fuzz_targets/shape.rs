//! The shape of any line is bounded, has no number of it, and comes to rest: the shape of a shape is its own shape.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shipper::insight::shape;

/// What `shape` promises of its length, and what it appends beyond that to a line that is not slog's to its end.
const LONGEST: usize = 400 + " <text>".len();

fuzz_target!(|message: &str| {
    let once = shape(message);
    assert!(once.len() <= LONGEST, "{once}");
    assert!(!once.chars().any(char::is_numeric), "{once}");
    // What follows the first line has no part in it.
    let first = message.lines().next().unwrap_or_default();
    assert_eq!(shape(first), once, "of {message:?}");
    // A few shapes are not their own at once: of `[GIN-debug] )`, of `[GIN-debug] :1=`, of `time=x y level=z`.
    let twice = shape(&once);
    assert!(twice.len() <= LONGEST, "{twice}");
    assert_eq!(shape(&twice), twice, "of {message:?}");
});
