use proptest::prelude::*;

use super::*;

const SHAPES: [(&str, &str); 19] = [
    (
        r#"time=2026-11-25T23:53:36.693Z level=INFO source=sched.go:1147 msg="disabling mmap for llama-server load by default" model=/usr/share/blobs/sha256-c08fe2 reason=cpu"#,
        r#"time=<time> level=INFO source=sched.go:<n> msg="disabling mmap for llama-server load by default" model=<value> reason=<value>"#,
    ),
    (
        r#"time=2026-11-25T23:53:36.693Z level=INFO source=download.go:181 msg="downloading 6331358be52a in 16 291 MB part(s)" "loaded layers"=5"#,
        r#"time=<time> level=INFO source=download.go:<n> msg="downloading <n> in <n> MB <text>)" "loaded layers"=<value>"#,
    ),
    (
        r#"time=2026-11-25T23:53:36.693Z level=INFO source=x64.go:1 msg="cannot open \"my diary\": secret" error"#,
        r#"time=<time> level=INFO source=x#.go:<n> msg="cannot open <text> secret" <text>"#,
    ),
    (
        "2024/05/01 12:00:00 routes.go:1064: INFO no GPU for llama3:8b here",
        "<time> routes.go:<n>: INFO no GPU for <n> here",
    ),
    (
        "print_info: general.name     = diary of bob",
        "print_info: <name> = <value>",
    ),
    (
        "llama_model_loader: - kv  15:  tokenizer.ggml.tokens arr[str,262] = [\"a\", \"b\", ...",
        "llama_model_loader: - kv <n>: <name> <n>] = <value>",
    ),
    (
        "srv        update:    - prompt 0x5629d64e9d50:     133 tokens, checkpoints:  0,     0.034 MiB",
        "srv update: - prompt <n>: <n> tokens, checkpoints: <text>",
    ),
    (
        "slot update_slots: id  0 | task 12 | slot context shift, n_keep = 4, n_left = 200, n_discard = 100",
        "slot update_slots: id <n> | task <n> | slot context shift, n_keep = <value>, n_left = <value>, n_discard = <value>",
    ),
    (
        "slot   operator(): id  0 | task 0 | cached n_tokens = 0, memory_seq_rm [0, end)",
        "slot operator(): id <n> | task <n> | cached n_tokens = <value>",
    ),
    (
        "srv  log_server_r: request:  {\"prompt\":\"my diary\"}",
        "srv log_server_r: request: <text>",
    ),
    (
        "ggml_vulkan: Device memory allocation of size 1073741824 failed.",
        "ggml_vulkan: Device memory allocation of size <n> failed.",
    ),
    (
        "cmn  common_param:   - CPU : Make of CPU (7951 MiB)",
        "cmn common_param: - CPU : <text>",
    ),
    ("load:   - 261 ('<|end|>')", "load: - <n> <text>"),
    (
        "Error: listen tcp 0.0.0.0:11434: bind: address already in use",
        "Error: listen tcp <address>: <text>",
    ),
    (
        "bob.service: Main process exited, code=exited, status=2/INVALIDARGUMENT",
        "<name>.service: Main process exited, code=<value> status=<value>",
    ),
    (
        "[GIN-debug] POST   /v1/chat --> github.com/ollama/x (7 handlers)",
        "[GIN-debug] POST <path> --> <path> (<n> handlers)",
    ),
    ("[GIN] 2026/11/25 broken", "[GIN] <text>"),
    (
        "Dear diary: today, 3 of my secrets were told!",
        "<text> <text>: <text>, <n> <text>",
    ),
    ("", ""),
];

#[test]
fn shapes_of_each_family_keep_keys_and_words_of_the_program_only() {
    for (line, expected) in SHAPES {
        assert_eq!(shape(line), expected, "{line}");
    }
}

/// Ways of a word into a line, that has to leave it.
const PLACES: [&str; 16] = [
    "time=2026-11-25T23:53:36.693Z level=INFO source=a.go:1 msg=x prompt=WORD",
    "time=2026-11-25T23:53:36.693Z level=INFO source=a.go:1 msg=\"x\" prompt=\"the WORD is\"",
    "time=2026-11-25T23:53:36.693Z level=INFO source=a.go:1 msg=\"said \\\"the WORD is\\\" again\"",
    "time=2026-11-25T23:53:36.693Z level=INFO source=a.go:1 msg=\"failed: the WORD is\"",
    "time=2026-11-25T23:53:36.693Z level=INFO source=a.go:1 msg=\"x\" the WORD is",
    "print_info: general.name = the WORD is, or x = WORD",
    "load_model: name = the WORD is, WORD, and x = WORD",
    "load_model: name =WORD",
    "load_model: name= WORD",
    "load_model: loading '/home/WORD/model of WORD' now",
    "load_model: loading /home/WORD/model from WORD.example.org or me@WORD",
    "srv  init: chat template, {% WORD %} and WORD",
    "srv  init: chat template <|im_start|> WORD",
    "srv  init: “the WORD is” known",
    "Tell me of WORD and of WORD",
    "WORD: tell me of it",
];

fn token() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("time=2026-11-25T23:53:36.693Z level=INFO".to_owned()),
        Just("source=sched.go:12 msg=\"a word\"".to_owned()),
        Just("print_info:".to_owned()),
        Just("srv  load_model:".to_owned()),
        Just("slot update: id 0 | task 1 |".to_owned()),
        Just("Error:".to_owned()),
        Just("2024/05/01 12:00:00 routes.go:1064:".to_owned()),
        "[a-z]{1,8}[:,;.=]?",
        "[a-z_]{1,8}=[a-z0-9\"]{0,5}",
        "[-+|=,;:(){}\\[\\]<>'\"/\\\\.#]{1,4}",
        "[0-9]{1,4}[.:/,]?[0-9]{0,3}",
        "<(n|time|path|address|name|value|text)>[,:;)]?",
        "\\PC{0,8}",
    ]
}

proptest! {
    #[test]
    fn the_shape_of_a_shape_is_itself_bounded_and_without_digits(
        tokens in proptest::collection::vec(token(), 0..30)
    ) {
        let line = tokens.join(" ");
        let once = shape(&line);
        prop_assert!(once.len() <= LONGEST, "{}", once);
        prop_assert!(!once.chars().any(char::is_numeric), "{}", once);
        prop_assert_eq!(shape(&once), once.clone(), "of {:?}", line);
    }

    #[test]
    fn a_word_of_a_value_does_not_survive(word in "[a-z]{4,12}ivq", place in 0..PLACES.len()) {
        let line = PLACES[place].replace("WORD", &word);
        let shape = shape(&line);
        prop_assert!(!shape.contains(&word), "{} of {}", shape, line);
    }

    #[test]
    fn lines_that_differ_only_in_numbers_have_one_shape(
        place in 0..SHAPES.len(), numbers in proptest::collection::vec(1_u32..100_000, 40)
    ) {
        let line = SHAPES[place].0;
        // Other digits may make no address.
        if line.contains("0.0.0.0") {
            return Ok(());
        }
        let mut other = String::new();
        let mut numbers = numbers.into_iter();
        for character in line.chars() {
            match character.is_ascii_digit() {
                true => other.push(char::from_digit(numbers.next().unwrap_or(7) % 10, 10).unwrap()),
                false => other.push(character),
            }
        }
        prop_assert_eq!(shape(&other), shape(line));
    }
}
