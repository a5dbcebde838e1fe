//! Whatever the journal holds, insight neither panics nor goes beyond its schema, and a cut line never becomes another one.

use proptest::prelude::*;
use shipper::insight::{Reader, derive};
use shipper::record::Derived;

use super::stored::{fits_schema, one_point_a_series};
use super::support::text;

/// Lines of every family, to be cut, joined and scratched.
const LINES: &[&str] = &[
    r#"[GIN] 2025/07/16 - 08:22:38 | 200 |     414.125µs |   192.168.176.4 | POST     "/api/generate""#,
    r#"time=2026-03-27T00:19:25.239Z level=INFO source=sched.go:491 msg="system memory" total="24.0 GiB" free="23.0 GiB" free_swap="8.0 GiB""#,
    r#"time=2026-02-05T06:59:00.224Z level=INFO source=sched.go:470 msg="Load failed" model=/x/blobs/y error="do \"load\" \u00e9 request: EOF""#,
    r#"time=2025-12-01T00:00:00.000Z level=INFO source=server.go:900 msg="model requires more gpu memory than is currently available, evicting a model to make space" "loaded layers"=0"#,
    r#"time=2025-07-16T08:20:47.858Z level=INFO source=server.go:637 msg="llama runner started in 141.59 seconds""#,
    r#"2025/03/05 06:59:46 routes.go:1215: INFO server config env="map[OLLAMA_KEEP_ALIVE:24h OLLAMA_NUM_PARALLEL:4 OLLAMA_ORIGINS:[a b]]""#,
    "load_tensors:        CUDA0 model buffer size =  4403.50 MiB",
    "load_tensors: offloaded 5/49 layers to GPU",
    "slot print_timing: id  0 | task 4 | prompt eval time =     100.00 ms /   100 tokens (    1.00 ms per token,  1000.00 tokens per second)",
    r#"{"function":"print_timings","msg":"generation eval time =    1204.91 ms /    57 runs   (   21.14 ms per token,    47.31 tokens per second)"}"#,
];

fn derived(line: &str) -> Vec<Derived<'_>> {
    let mut out = Vec::new();
    derive(line, &mut out);
    out.iter().for_each(fits_schema);
    one_point_a_series(&out);
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_text_is_survived(line in "(?s).{0,200}") {
        derived(&line);
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        derived(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn text_that_looks_like_a_line_is_survived(
        head in prop::sample::select(vec![
            "[GIN] ", "time=", "time=2025-07-16T08:20:47.858Z level=INFO source=a.go:1 msg=", "slot ", "{\"", "load_tensors: ", "DEBUG [print_timings] ",
            "2025/03/05 06:59:46 routes.go:1215: INFO server config env=",
        ]),
        tail in r#"([a-z0-9./:|=\\" -]|µ|\PC){0,80}"#,
    ) {
        let line = format!("{head}{tail}");
        let mut out = Vec::new();
        Reader::default().derive(&line, &mut out);
        out.iter().for_each(fits_schema);
    }

    #[test]
    fn a_line_cut_short_gives_no_more_than_the_whole_line(line in prop::sample::select(LINES), cut in 1_usize..200) {
        let end = line.len().saturating_sub(cut);
        let whole: Vec<_> = derived(line).iter().map(text).collect();
        for point in derived(&line[..line.floor_char_boundary(end)]) {
            let point = text(&point);
            prop_assert!(whole.iter().any(|whole| whole.starts_with(&point)), "{point}");
        }
    }

    #[test]
    fn lines_glued_at_any_place_give_nothing_but_what_the_second_says(
        first in prop::sample::select(LINES),
        second in prop::sample::select(LINES),
        cut in 0_usize..200,
    ) {
        let cut = first.floor_char_boundary(first.len().saturating_sub(cut));
        let glued = format!("{}{second}", &first[..cut]);
        // The start of a function's name, before another one, makes a name of a function.
        let is_name = first[..cut].bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let points: Vec<_> = derived(&glued).iter().map(text).collect();
        let own: Vec<_> = derived(second).iter().map(text).collect();
        prop_assert!(points.is_empty() || is_name && points == own, "{glued}");
    }

    #[test]
    fn a_byte_that_is_not_utf_8_never_changes_how_many_points_there_are(
        line in prop::sample::select(LINES),
        at in any::<prop::sample::Index>(),
    ) {
        let at = line.floor_char_boundary(at.index(line.len()));
        let length = line[at..].chars().next().map_or(0, char::len_utf8);
        let scratched = format!("{}\u{fffd}{}", &line[..at], &line[at + length..]);
        let (whole, scratched) = (derived(line), derived(&scratched));
        prop_assert!(scratched.is_empty() || scratched.len() == whole.len());
    }
}

/// A line of a task, with numbers of anybody's choice.
fn task_line() -> impl Strategy<Value = String> {
    let few = 0_u64..3;
    let any = prop_oneof![0_u64..50, any::<u64>()];
    (0_usize..8, few.clone(), few, any.clone(), any).prop_map(|(what, slot, task, a, b)| {
        let of = format!("id  {slot} | task {task} |");
        match what {
            0 => format!("slot   operator(): {of} new prompt, n_ctx_slot = {b}, n_keep = 4, task.n_tokens = {a}"),
            1 => format!("slot   operator(): {of} cached n_tokens = {a}, memory_seq_rm [{a}, end)"),
            2 => format!("slot update_slots: {of} slot context shift, n_keep = 4, n_left = {b}, n_discard = {a}"),
            3 => format!("slot print_timing: {of} prompt eval time = 1.00 ms / {a} tokens ( 1.00 ms per token, 1.00 tokens per second)"),
            4 => format!("slot print_timing: {of} eval time = 1.00 ms / {a} tokens ( 1.00 ms per token, 1.00 tokens per second)"),
            5 => format!("slot      release: {of} stop processing: n_tokens = {a}, truncated = 0"),
            6 => format!("srv          stop: cancel task, id_task = {task}"),
            _ => format!("srv    send_error: task id = {task}, error: no"),
        }
    })
}

proptest! {
    #[test]
    fn lines_of_tasks_in_any_order_give_points_within_the_schema(lines in prop::collection::vec(task_line(), 0..120)) {
        let mut reader = Reader::default();
        for line in &lines {
            let mut out = Vec::new();
            reader.derive(line, &mut out);
            out.iter().for_each(fits_schema);
            one_point_a_series(&out);
        }
    }
}

#[test]
fn every_line_of_the_properties_gives_something_when_whole() {
    for line in LINES {
        assert!(
            !derived(line).is_empty() || line.contains(r#""loaded layers"="0""#),
            "{line}"
        );
    }
}
