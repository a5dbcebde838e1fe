//! What several lines of one Ollama come to: the model of a request where it is certain, slots that are busy, processes kept apart.

use shipper::insight::{Logged, Models, Reader};
use shipper::record::Derived;

use super::support::{SHA, text};

const OTHER: &str = "0123456789012345678901234567890123456789012345678901234567890123";
/// Microseconds since the Unix epoch.
const BEGIN: u64 = 1_700_000_000_000_000;

/// One Ollama, line after line; times are seconds after [`BEGIN`].
struct Ollama(Reader);

impl Ollama {
    fn with(models_json: &str) -> Self {
        let mut reader = Reader::default();
        reader.set_models(Models::from_json(models_json).unwrap());
        Self(reader)
    }

    fn new() -> Self {
        Self::with(&format!(
            r#"[{{"name":"a:1b","digest":"d","size":1,"model_sha256":"{SHA}"}},
                {{"name":"b:1b","digest":"e","size":1,"model_sha256":"{OTHER}"}}]"#
        ))
    }

    fn prints(&mut self, process: &str, second: u64, message: &str) -> Vec<String> {
        let mut points = Vec::new();
        let line = Logged {
            process,
            time: Some(BEGIN + second * 1_000_000),
            message,
        };
        self.0.read(line, &mut points);
        points.iter().map(text).collect()
    }

    fn server_starts(&mut self, second: u64) {
        self.slog(
            second,
            r#"msg="Listening on 127.0.0.1:11434 (version 0.33.0)""#,
        );
    }

    /// In one second.
    fn loads(&mut self, second: u64, sha: &str) {
        self.starts_loading(second, sha);
        let done = r#"msg="llama-server started in 1.00 seconds""#;
        assert_eq!(self.slog(second + 1, done).len(), 1);
    }

    fn starts_loading(&mut self, second: u64, sha: &str) {
        let command = format!(
            "/usr/lib/ollama/llama-server --model /m/blobs/sha256-{sha} --port 1 -c 4096 -np 1"
        );
        let points = self.slog(
            second,
            &format!(r#"msg="starting llama-server" cmd="{command}""#),
        );
        assert_eq!(points.len(), 1, "{points:?}");
    }

    fn says_loaded(&mut self, second: u64, count: u64) {
        self.slog(second, &format!(r#"msg="loaded runners" count={count}"#));
    }

    fn slog(&mut self, second: u64, rest: &str) -> Vec<String> {
        let line =
            format!("time=2023-11-14T22:13:{second:02}.000Z level=INFO source=sched.go:1 {rest}");
        self.prints("7", second, &line)
    }

    /// The model of a request that ended at `second` and took so long.
    fn answers(&mut self, second: u64, latency: &str, what: &str) -> Option<String> {
        let line = format!("[GIN] 2023/11/14 - 22:13:20 | {latency} | 127.0.0.1 | {what}");
        let mut points = Vec::new();
        let line = Logged {
            process: "7",
            time: Some(BEGIN + second * 1_000_000),
            message: &line,
        };
        self.0.read(line, &mut points);
        let [Derived::Request(request)] = &points[..] else {
            panic!("{points:?}");
        };
        request.model.as_deref().map(ToOwned::to_owned)
    }
}

const CHAT: &str = r#"POST     "/api/chat""#;

#[test]
fn a_request_has_its_model_while_no_other_one_can_be_loaded() {
    let mut ollama = Ollama::new();
    assert_eq!(ollama.answers(0, "200 | 60ms", CHAT), None, "in the middle");
    ollama.server_starts(1);
    ollama.loads(2, SHA);
    let first = ollama.answers(5, "200 | 3.5s", CHAT);
    assert_eq!(first.as_deref(), Some("a:1b"), "it waited for the load");
    assert_eq!(
        ollama.answers(6, "200 | 5.5s", CHAT),
        None,
        "before the server's start"
    );
    ollama.loads(10, OTHER);
    assert_eq!(
        ollama.answers(11, "200 | 60ms", CHAT),
        None,
        "of one or the other"
    );
    ollama.says_loaded(12, 2);
    assert_eq!(ollama.answers(13, "200 | 60ms", CHAT), None);
    ollama.loads(14, OTHER);
    ollama.says_loaded(15, 1);
    assert_eq!(
        ollama.answers(16, "200 | 2s", CHAT),
        None,
        "the other one was there"
    );
    let second = ollama.answers(17, "200 | 1s", CHAT);
    assert_eq!(second.as_deref(), Some("b:1b"));
    ollama.server_starts(20);
    assert_eq!(
        ollama.answers(21, "200 | 1ms", CHAT),
        None,
        "nothing is loaded"
    );
}

#[test]
fn a_count_beside_another_load_makes_nothing_certain() {
    let mut ollama = Ollama::new();
    ollama.server_starts(1);
    ollama.starts_loading(2, SHA);
    ollama.loads(3, OTHER);
    ollama.says_loaded(4, 1);
    assert_eq!(ollama.answers(6, "200 | 1s", CHAT), None);
}

#[test]
fn only_answers_of_a_model_have_one() {
    let mut ollama = Ollama::new();
    ollama.server_starts(1);
    ollama.loads(2, SHA);
    for what in [
        r#"POST     "/api/generate""#,
        r#"POST     "/api/embed""#,
        r#"POST     "/v1/chat/completions?x=y""#,
        r#"POST     "/v1/messages?beta=true""#,
    ] {
        assert!(ollama.answers(5, "200 | 1s", what).is_some(), "{what}");
        for status in ["400", "404", "499", "500", "503"] {
            assert_eq!(
                ollama.answers(5, &format!("{status} | 1s"), what),
                None,
                "{status} {what}"
            );
        }
    }
    for what in [
        r#"GET      "/api/tags""#,
        r#"POST     "/api/pull""#,
        r#"HEAD     "/""#,
    ] {
        assert_eq!(ollama.answers(5, "200 | 1s", what), None, "{what}");
    }
    let named = r#"GET      "/v1/models/llama3:8b""#;
    assert_eq!(
        ollama.answers(5, "200 | 1ms", named).as_deref(),
        Some("llama3:8b")
    );
    assert_eq!(
        ollama.answers(5, "404 | 1ms", named),
        None,
        "there is none of that name"
    );
}

#[test]
fn a_request_that_may_only_unload_a_model_has_none() {
    let mut ollama = Ollama::new();
    ollama.server_starts(1);
    ollama.loads(2, SHA);
    let embed = r#"POST     "/api/embed""#;
    assert_eq!(ollama.answers(5, "200 | 49.999ms", CHAT), None);
    assert!(ollama.answers(5, "200 | 50ms", CHAT).is_some());
    assert!(ollama.answers(5, "200 | 1ms", embed).is_some());
}

#[test]
fn where_a_model_runs_elsewhere_or_has_no_name_no_request_has_a_model() {
    let remote = format!(
        r#"[{{"name":"a:1b","digest":"d","size":1,"model_sha256":"{SHA}"}},
            {{"name":"big:cloud","digest":"e","size":0}}]"#
    );
    for models in [&*remote, "[]"] {
        let mut ollama = Ollama::with(models);
        ollama.server_starts(1);
        ollama.loads(2, SHA);
        assert_eq!(ollama.answers(5, "200 | 1s", CHAT), None, "{models}");
    }
}

#[test]
fn a_latency_of_whole_seconds_reaches_further_back_than_it_says() {
    let mut ollama = Ollama::new();
    ollama.server_starts(1);
    ollama.loads(2, SHA);
    assert_eq!(
        ollama.answers(62, "200 | 1m0s", CHAT),
        None,
        "it may have been 60.999 s"
    );
    assert!(ollama.answers(63, "200 | 1m0s", CHAT).is_some());
}

fn busy(points: &[String]) -> Option<&str> {
    let event = points.iter().find(|point| point.contains("busy_slots="))?;
    let (_, busy) = event.split_once("busy_slots=")?;
    busy.split(' ').next()
}

fn begins(slot: u64, task: u64) -> String {
    format!(
        "slot update_slots: id  {slot} | task {task} | new prompt, n_ctx_slot = 4096, n_keep = 0, task.n_tokens = 20"
    )
}

fn ends(slot: u64, task: u64) -> String {
    format!(
        "slot      release: id  {slot} | task {task} | stop processing: n_tokens = 29, truncated = 0"
    )
}

#[test]
fn busy_slots_are_counted_when_a_task_begins_and_ends() {
    let mut ollama = Ollama::new();
    ollama.server_starts(1);
    ollama.loads(2, SHA);
    assert_eq!(busy(&ollama.prints("7", 3, &begins(0, 1))), Some("1i"));
    assert_eq!(busy(&ollama.prints("7", 4, &begins(1, 2))), Some("2i"));
    assert_eq!(busy(&ollama.prints("7", 5, &ends(0, 1))), Some("1i"));
    assert_eq!(busy(&ollama.prints("7", 6, &ends(1, 2))), Some("0i"));
    let unknown = ollama.prints("7", 7, &ends(1, 3));
    assert_eq!(busy(&unknown), None, "its beginning was not read");
}

#[test]
fn the_tasks_of_a_runner_that_died_keep_no_slot_busy() {
    let mut ollama = Ollama::new();
    ollama.server_starts(1);
    ollama.loads(2, SHA);
    ollama.prints("7", 3, &begins(0, 1));
    ollama.slog(
        4,
        r#"msg="llama-server process no longer running" sys=9 string="signal: killed""#,
    );
    ollama.loads(5, SHA);
    assert_eq!(busy(&ollama.prints("7", 6, &begins(0, 1))), Some("1i"));
    // One that was unloaded without a word.
    ollama.loads(8, OTHER);
    ollama.says_loaded(9, 1);
    assert_eq!(busy(&ollama.prints("7", 10, &begins(0, 1))), Some("1i"));
}

#[test]
fn tasks_of_processes_that_print_for_themselves_do_not_mix() {
    let mut ollama = Ollama::new();
    let cached = |n: u64| {
        format!(
            "slot   operator(): id  0 | task 1 | cached n_tokens = {n}, memory_seq_rm [{n}, end)"
        )
    };
    let read = |n: u64| {
        format!(
            "slot print_timing: id  0 | task 1 | prompt eval time =      85.00 ms /    {n} tokens (    3.27 ms per token,   305.87 tokens per second)"
        )
    };
    for process in ["8", "9"] {
        ollama.prints(process, 1, &begins(0, 1));
    }
    // Both fit both tasks: only who prints them tells them apart.
    ollama.prints("8", 2, &cached(5));
    ollama.prints("9", 2, &cached(7));
    let tokens = |points: Vec<String>| points.join(" ");
    assert!(tokens(ollama.prints("8", 3, &read(15))).contains("cached=5i"));
    assert!(tokens(ollama.prints("9", 3, &read(13))).contains("cached=7i"));
}

#[test]
fn a_new_version_of_which_less_is_understood_is_told() {
    let mut ollama = Ollama::new();
    let known = "[GIN] 2023/11/14 - 22:13:20 | 200 | 1ms | 127.0.0.1 | GET      \"/\"";
    ollama.server_starts(1);
    for second in 0..1_000 {
        ollama.prints("7", second, known);
    }
    assert_eq!(ollama.0.fallen(), None);
    ollama.slog(2, r#"msg="Listening on 127.0.0.1:11434 (version 0.99.0)""#);
    for second in 0..1_000 {
        ollama.prints("8", second, "a line that nobody has seen before");
    }
    let told = ollama.0.fallen().unwrap();
    assert!(
        told.contains("Ollama 0.99.0") && told.contains("Ollama 0.33.0"),
        "{told}"
    );
    ollama.server_starts(3);
    assert_eq!(ollama.0.fallen(), None, "the version before runs again");
}

#[test]
fn twins_and_steps_of_a_task_are_understood_and_other_lines_are_not() {
    let mut reader = Reader::default();
    let mut is_understood = |line| reader.read(Logged::text(line), &mut Vec::new());
    for line in [
        "slot   operator(): id  0 | task 12 | cached n_tokens = 40, memory_seq_rm [40, end)",
        "srv          stop: cancel task, id_task = 12",
        "alloc_tensor_range: failed to allocate CPU buffer of size 1000",
        "alloc_tensor_range: failed to allocate CPU buffer of size 1000",
    ] {
        assert!(is_understood(line), "{line}");
    }
    assert!(!is_understood("print_info: n_merges         = 4"));
}
