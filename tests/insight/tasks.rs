//! What llama-server's tasks come to: tokens, clients that hung up, contexts that were too short.

use shipper::insight::Reader;

use super::support;

/// The points of tokens, and the events but those of each prompt's start and end.
fn read(lines: &[&str]) -> Vec<String> {
    let mut all = support::read(&mut Reader::default(), lines);
    all.retain(|point| !point.starts_with("events kind=prompt_"));
    all
}

fn prompt(slot: u64, task: u64, tokens: u64) -> String {
    format!(
        "slot   operator(): id  {slot} | task {task} | new prompt, n_ctx_slot = 512, n_keep = 4, task.n_tokens = {tokens}"
    )
}

fn cached(slot: u64, task: u64, tokens: u64) -> String {
    format!(
        "slot   operator(): id  {slot} | task {task} | cached n_tokens = {tokens}, memory_seq_rm [{tokens}, end)"
    )
}

fn timings(slot: u64, task: u64, processed: u64, generated: u64) -> [String; 2] {
    [("prompt eval time", processed), ("       eval time", generated)].map(|(what, tokens)| {
        format!(
            "slot print_timing: id  {slot} | task {task} | {what} =     100.00 ms / {tokens:>5} tokens (    1.00 ms per token,   50.00 tokens per second)"
        )
    })
}

fn release(slot: u64, task: u64, tokens: u64) -> String {
    format!(
        "slot      release: id  {slot} | task {task} | stop processing: n_tokens = {tokens}, truncated = 0"
    )
}

fn cancel(task: u64) -> String {
    format!("srv          stop: cancel task, id_task = {task}")
}

fn check(lines: &[String], expected: &[&str]) {
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    assert_eq!(read(&lines), expected, "{lines:#?}");
}

#[test]
fn tokens_of_a_prompt_are_those_processed_and_those_from_the_cache() {
    let [read, written] = timings(0, 4, 60, 9);
    let lines = [
        prompt(0, 4, 100),
        cached(0, 4, 40),
        read,
        written,
        release(0, 4, 108),
    ];
    check(
        &lines,
        &[
            "tokens phase=prompt cached=40i ms=100 tokens=100i tokens_per_second=50",
            "tokens phase=generation ms=100 tokens=9i tokens_per_second=50",
        ],
    );
}

#[test]
fn a_long_prompt_repeats_what_is_done_and_only_the_first_is_from_the_cache() {
    let [read, _] = timings(0, 4, 112, 9);
    let lines = [prompt(0, 4, 112), cached(0, 4, 0), cached(0, 4, 108), read];
    check(
        &lines,
        &["tokens phase=prompt cached=0i ms=100 tokens=112i tokens_per_second=50"],
    );
}

#[test]
fn a_cancelled_answer_has_the_tokens_that_were_written() {
    let lines = [
        prompt(0, 75, 60),
        cached(0, 75, 7),
        cancel(75),
        release(0, 75, 97),
    ];
    check(
        &lines,
        &[
            "events kind=abort",
            "tokens phase=prompt_cancelled cached=7i tokens=60i",
            "tokens phase=generation cancelled=38i tokens=38i",
        ],
    );
}

#[test]
fn tokens_that_context_shifts_dropped_were_written_too() {
    let shift = "slot update_slots: id  0 | task 7 | slot context shift, n_keep = 4, n_left = 508, n_discard = 254".to_owned();
    let lines = [
        prompt(0, 7, 50),
        cached(0, 7, 0),
        shift.clone(),
        shift,
        cancel(7),
        release(0, 7, 300),
    ];
    check(
        &lines,
        &[
            "events kind=context_shift tokens=254i",
            "events kind=context_shift tokens=254i",
            "events kind=abort",
            "tokens phase=prompt_cancelled cached=0i tokens=50i",
            "tokens phase=generation cancelled=759i tokens=759i",
        ],
    );
}

#[test]
fn an_answer_that_is_cancelled_in_its_prompt_has_what_was_read_of_it() {
    let lines = [
        prompt(0, 9, 400),
        cached(0, 9, 10),
        cancel(9),
        release(0, 9, 266),
    ];
    check(
        &lines,
        &[
            "events kind=abort",
            "tokens phase=prompt_cancelled cached=10i tokens=266i",
        ],
    );
}

#[test]
fn of_a_task_that_never_ran_nothing_is_counted_though_its_slot_holds_tokens() {
    let lines = [prompt(0, 9, 400), cancel(9), release(0, 9, 266)];
    check(&lines, &["events kind=abort"]);
}

#[test]
fn a_request_beyond_the_context_is_no_client_that_hung_up() {
    let error = "srv    send_error: task id = 12, error: request (900 tokens) exceeds the available context size (512 tokens), try increasing it";
    let lines = [
        prompt(0, 12, 900),
        error.to_owned(),
        release(0, 12, 33),
        cancel(12),
        cancel(13),
    ];
    check(
        &lines,
        &[
            "events kind=context_exceeded prompt_tokens=900i limit=512i error=\"request (900 tokens) exceeds the available context size (512 tokens), try increasing it\"",
            "events kind=abort",
        ],
    );
}

#[test]
fn a_task_that_fails_is_no_embedding() {
    let error = "srv    send_error: task id = 12, error: input is too large to process".to_owned();
    let lines = [
        prompt(0, 12, 90),
        cached(0, 12, 0),
        error,
        release(0, 12, 90),
    ];
    check(
        &lines,
        &["events kind=task_failed error=\"input is too large to process\""],
    );
}

#[test]
fn tokens_read_for_an_embedding_are_those_of_its_task() {
    let lines = [
        prompt(0, 0, 26),
        cached(0, 0, 0),
        prompt(1, 1, 14),
        cached(1, 1, 0),
        release(0, 0, 26),
        release(1, 1, 14),
    ];
    check(
        &lines,
        &[
            "tokens phase=embedding cached=0i tokens=26i",
            "tokens phase=embedding cached=0i tokens=14i",
        ],
    );
}

#[test]
fn a_runner_for_embeddings_need_not_say_what_its_slot_holds() {
    let start = r#"time=2026-09-02T16:52:34.600Z level=INFO source=llama_server.go:433 msg="starting llama-server" cmd="/usr/bin/llama-server --model /m/a.gguf -c 512 -np 1 --embedding""#;
    let lines = [start.to_owned(), prompt(0, 0, 26), release(0, 0, 0)];
    check(
        &lines,
        &[
            "events kind=load_start context=512i parallel=1i",
            "tokens phase=embedding tokens=26i",
        ],
    );
}

#[test]
fn parallel_slots_do_not_mix() {
    let [read_a, written_a] = timings(0, 20, 60, 9);
    let [read_b, written_b] = timings(1, 21, 30, 5);
    let lines = [
        prompt(0, 20, 100),
        prompt(1, 21, 31),
        cached(1, 21, 1),
        cached(0, 20, 40),
        read_b,
        read_a,
        written_a,
        written_b,
        release(1, 21, 35),
        release(0, 20, 108),
    ];
    let prompts: Vec<_> = read(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(
        prompts[0].contains("cached=1i") && prompts[0].contains("tokens=31i"),
        "{prompts:?}"
    );
    assert!(
        prompts[1].contains("cached=40i") && prompts[1].contains("tokens=100i"),
        "{prompts:?}"
    );
}

#[test]
fn tasks_of_two_runners_with_one_number_are_told_apart_by_what_fits() {
    let [read_a, written_a] = timings(0, 0, 60, 9);
    let [read_b, written_b] = timings(0, 0, 30, 5);
    let lines = [
        prompt(0, 0, 100),
        cached(0, 0, 40),
        prompt(0, 0, 31),
        cached(0, 0, 1),
        read_a,
        written_a,
        release(0, 0, 108),
        read_b,
        written_b,
        release(0, 0, 35),
    ];
    let points = read(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let expected = [
        ("cached=40i", "tokens=100i"),
        ("", "tokens=9i"),
        ("cached=1i", "tokens=31i"),
        ("", "tokens=5i"),
    ];
    assert_eq!(points.len(), expected.len(), "{points:?}");
    for (point, (cached, tokens)) in points.iter().zip(expected) {
        assert!(
            point.contains(cached) && point.contains(tokens),
            "{points:?}"
        );
    }
}

#[test]
fn an_answer_of_one_token_has_no_speed_but_counts() {
    let line = "slot print_timing: id  0 | task 4 |        eval time =       0.00 ms /     1 tokens (    0.00 ms per token,      inf tokens per second)";
    assert_eq!(read(&[line]), ["tokens phase=generation ms=0 tokens=1i"]);
}

#[test]
fn a_reader_that_begins_in_the_middle_of_a_task_tells_what_its_lines_say() {
    let [read, written] = timings(0, 4, 60, 9);
    let lines = [
        read,
        written,
        release(0, 4, 108),
        cancel(5),
        release(1, 5, 50),
    ];
    check(
        &lines,
        &[
            "tokens phase=prompt ms=100 tokens=60i tokens_per_second=50",
            "tokens phase=generation ms=100 tokens=9i tokens_per_second=50",
            "events kind=abort",
        ],
    );
}
