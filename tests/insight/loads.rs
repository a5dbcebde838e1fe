//! What several lines of a load, of its buffers, and of a runner's end come to.

use shipper::insight::Reader;

use super::support;

fn read(lines: &[&str]) -> Vec<String> {
    support::read(&mut Reader::default(), lines)
}

fn kinds(lines: &[&str]) -> Vec<String> {
    let points = read(lines).into_iter();
    points
        .map(|point| {
            point
                .split(' ')
                .nth(1)
                .unwrap_or_default()
                .replace("kind=", "")
        })
        .collect()
}

/// A start at so many milliseconds.
fn start(at: u64, model: &str) -> String {
    slog(
        at,
        &format!(
            r#"level=INFO source=llama_server.go:433 msg="starting llama-server" cmd="/usr/bin/llama-server --model /m/blobs/sha256-{} -c 512 -np 1""#,
            model.repeat(64)
        ),
    )
}

fn done(at: u64, seconds: &str) -> String {
    slog(
        at,
        &format!(
            r#"level=INFO source=llama_server.go:1362 msg="llama-server started in {seconds} seconds""#
        ),
    )
}

fn slog(at: u64, rest: &str) -> String {
    let (seconds, millis) = (at / 1_000, at % 1_000);
    format!("time=2026-11-25T20:00:{seconds:02}.{millis:03}Z {rest}")
}

/// The first digit of the model of each load that ended.
fn models(lines: &[String]) -> Vec<String> {
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    let ends = read(&lines)
        .into_iter()
        .filter(|point| point.contains("load_done"));
    ends.map(|point| {
        let digest = point.split("model_sha256=\"").nth(1);
        digest.map_or("none".to_owned(), |digest| digest[..1].to_owned())
    })
    .collect()
}

#[test]
fn a_load_that_begins_as_another_ends_is_another_load() {
    let lines = [
        start(0, "a"),
        done(30, "0.03"),
        done(31, "0.03"),
        start(78, "b"),
        done(110, "0.03"),
        done(110, "0.03"),
    ];
    assert_eq!(models(&lines), ["a", "b"]);
}

#[test]
fn two_loads_at_once_each_end_with_their_own_model() {
    let lines = [
        start(0, "a"),
        start(60, "b"),
        done(320, "0.25"),
        done(320, "0.25"),
        done(330, "0.32"),
        done(331, "0.32"),
    ];
    assert_eq!(models(&lines), ["b", "a"]);
}

#[test]
fn twin_lines_far_apart_are_one_load_when_they_give_one_start() {
    let lines = [start(0, "a"), done(21_416, "21.41"), done(21_483, "21.48")];
    assert_eq!(models(&lines), ["a"]);
}

#[test]
fn a_start_whose_load_failed_gives_no_later_load_its_model() {
    let failed = slog(
        50,
        &format!(
            r#"level=INFO source=sched.go:511 msg="Load failed" model=/m/blobs/sha256-{} error="out of memory""#,
            "a".repeat(64)
        ),
    );
    let lines = [start(0, "a"), failed, start(60, "b"), done(310, "0.25")];
    assert_eq!(models(&lines), ["b"]);
}

#[test]
fn a_client_that_leaves_during_a_load_is_no_failed_load() {
    let lines = [
        start(0, "a"),
        slog(
            270,
            r#"level=WARN source=llama_server.go:1392 msg="client connection closed before llama-server finished loading, aborting load""#,
        ),
        slog(
            270,
            r#"level=INFO source=sched.go:511 msg="Load failed" model=/m/blobs/sha256-SHA error="timed out waiting for llama-server to start: context canceled""#,
        ),
    ];
    let points = read(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(points.len(), 2, "{points:?}");
    assert_eq!(
        points[1],
        format!(
            r#"events kind=load_aborted model_sha256="{}""#,
            "a".repeat(64)
        )
    );
}

const GONE: &str = r#"time=2026-11-25T23:53:28.922Z level=WARN source=server.go:1305 msg="llama runner process no longer running" sys=9 string="signal: killed""#;
const START: &str = r#"time=2026-11-25T23:53:29.000Z level=INFO source=server.go:433 msg="starting runner" cmd="/usr/bin/ollama runner --model /m/blobs/sha256-SHA --port 1""#;

#[test]
fn a_runner_that_is_found_gone_again_and_again_died_once() {
    assert_eq!(kinds(&[GONE, GONE]), ["runner_gone", "crash"]);
    assert_eq!(
        kinds(&[START, GONE, GONE, START, GONE]),
        [
            "load_start",
            "runner_gone",
            "crash",
            "load_start",
            "runner_gone",
            "crash"
        ]
    );
}

#[test]
fn a_crash_that_two_lines_tell_is_one_and_an_unload_is_none() {
    let crash = r#"time=2026-11-25T23:53:28.900Z level=ERROR source=llama_server.go:1 msg="llama-server terminated" error="exit status 1""#;
    assert_eq!(
        kinds(&[START, crash, GONE]),
        ["load_start", "crash", "runner_gone"]
    );
    let unload = r#"time=2026-11-25T23:53:28.900Z level=ERROR source=llama_server.go:1 msg="llama-server terminated" error="signal: killed""#;
    assert_eq!(kinds(&[START, unload]), ["load_start"]);
}

#[test]
fn one_failed_allocation_that_two_functions_tell_is_one() {
    let buffer =
        "ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 51539607584";
    let tensors = "alloc_tensor_range: failed to allocate CPU buffer of size 51539607584";
    assert_eq!(kinds(&[buffer, tensors]), ["allocation_failed"]);
    assert_eq!(kinds(&[buffer, tensors, buffer, tensors]).len(), 2);
    let other = "alloc_tensor_range: failed to allocate CPU buffer of size 7";
    assert_eq!(kinds(&[buffer, other]).len(), 2);
}

#[test]
fn the_runner_of_mlx_and_the_scheduler_tell_of_one_unload() {
    let mlx = r#"time=2026-06-22T19:29:32.938+07:00 level=INFO source=client.go:126 msg="stopping mlx runner subprocess" pid=999"#;
    let scheduler = r#"time=2026-06-22T19:29:33.938+07:00 level=DEBUG source=sched.go:465 msg="sending an unloaded event" runner.name=a runner.model=a"#;
    assert_eq!(kinds(&[mlx, scheduler, scheduler]), ["unload", "unload"]);
}

#[test]
fn a_load_of_mlx_has_its_model_and_its_seconds() {
    let lines = [
        r#"time=2026-08-18T13:17:01.331+08:00 level=INFO source=client.go:367 msg="starting mlx runner subprocess" model=gemma4:26b-mlx port=100"#,
        r#"time=2026-08-18T13:17:06.831+08:00 level=INFO source=client.go:106 msg="mlx runner is ready" port=56223"#,
    ];
    assert_eq!(
        read(&lines)[1],
        r#"events kind=load_done seconds=5.5 model="gemma4:26b-mlx""#
    );
}

#[test]
fn two_caches_of_a_sliding_window_are_one_sum() {
    let lines = [
        START,
        "llama_kv_cache:      CUDA0 KV buffer size =   576.00 MiB",
        "llama_kv_cache:      CUDA0 KV buffer size =    45.00 MiB",
        "llama_kv_cache:        CPU KV buffer size =     1.00 MiB",
    ];
    let mib = |mib: u64| mib << 20;
    assert_eq!(
        read(&lines)[1..],
        [
            format!("memory device=CUDA0 part=kv_cache bytes={}i", mib(576)),
            format!("memory device=CUDA0 part=kv_cache bytes={}i", mib(621)),
            format!("memory device=CPU part=kv_cache bytes={}i", mib(1)),
        ]
    );
    let again = [&lines[..], &lines[..2]].concat();
    assert_eq!(
        read(&again).last().unwrap(),
        &format!("memory device=CUDA0 part=kv_cache bytes={}i", mib(576))
    );
}

#[test]
fn a_compute_buffer_laid_out_once_more_replaces_the_one_before_and_that_of_a_projector_is_added() {
    let lines = [
        START,
        "alloc_compute_meta:      CUDA0 compute buffer size =    20.00 MiB",
        "sched_reserve:      CUDA0 compute buffer size =   300.00 MiB",
        "sched_reserve:      CUDA0 compute buffer size =   310.00 MiB",
    ];
    let sizes: Vec<_> = [20_u64, 320, 330]
        .iter()
        .map(|mib| format!("memory device=CUDA0 part=compute bytes={}i", mib << 20))
        .collect();
    assert_eq!(read(&lines)[1..], sizes);
}
