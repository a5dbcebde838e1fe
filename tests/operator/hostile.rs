//! Words of others in every place: log lines, model names, reasons, answers of servers and of the control socket, file names, arguments.
//! None of them commands the terminal, hides, or begins a line of the journal's.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

use serde_json::{Value, json};
use support::endpoint::{Endpoint, Manner};
use support::journal::Entry;

use crate::common::{Host, Running};
use crate::host;

/// What no terminal may get of others, in one text: newlines with a level, C0, DEL, C1, a title, a colour, marks, overrides and isolates of
/// direction, separators, zero widths, fillers, tags.
const HOSTILE: &str = "x\n<0>forged\r\x1b[2J\x1b[35mred\x1b]0;title\x07\x08\x7f\u{85}\u{9b}31m\u{ad}\u{34f}\u{61c}\u{180e}\u{200b}\u{200d}\
    \u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202e}\u{2060}\u{2066}\u{2069}\u{206a}\u{3164}\u{feff}\u{fff9}\u{e0001}\u{e0041}\ty";

/// Whether a character must not be shown as it is; a table of this test's own.
fn is_forbidden(character: char) -> bool {
    let is_invisible = matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    );
    is_invisible || (character.is_control() && character != '\n')
}

/// Holds text of a command to what may be shown.
fn assert_shown(what: &str, text: &str) {
    let mut found = text.matches(is_forbidden).collect::<Vec<_>>();
    let is_whole_message = what.contains(" show ");
    found.retain(|character| *character != "\t" || !is_whole_message);
    assert!(found.is_empty(), "{what}: {found:?} in {text:?}");
}

/// What a terminal was given, without its own line ends, the moves that draw a bar, and colours, of which magenta is none of ours.
fn uncoloured(given: &str) -> String {
    let mut text = given.replace("\r\n", "\n");
    for of_bar in ["\x1b[1A", "\x1b[1B", "\r\x1b[2K"] {
        text = text.replace(of_bar, "");
    }
    while let Some(at) = text.find("\x1b[") {
        let code = &text[at + 2..];
        let (code, _) = code.split_once('m').unwrap_or((code, ""));
        let is_ours = code.chars().all(|c| c.is_ascii_digit() || c == ';') && code != "35";
        assert!(is_ours, "a sequence that is no colour of ours: {given:?}");
        text.replace_range(at..at + 2 + code.len() + 1, "");
    }
    text
}

/// Runs `script`, with the hostile text as `$H`, on pipes and on a terminal, and holds what it writes to what may be shown; that.
fn shown(host: &Host, script: &str) -> String {
    let run = |script: &str| {
        let mut command = host.shell(script);
        command.env("H", HOSTILE).env("TERM", "xterm-256color");
        let output = command.output().unwrap();
        (output.stdout, output.stderr)
    };
    let (out, errors) = run(script);
    let [out, errors] = [out, errors].map(|bytes| String::from_utf8(bytes).expect("UTF-8"));
    assert_shown(script, &out);
    assert_shown(script, &errors);
    let (terminal, _) = run(&format!(
        "script -qec 'stty cols 100 rows 40; {script}' /dev/null"
    ));
    let terminal = String::from_utf8(terminal).expect("UTF-8");
    assert_shown(script, &uncoloured(&terminal));
    out + &errors
}

/// A host with hostile lines, of which some are refused for a hostile reason, and a model with a hostile name.
fn hostile_host(endpoint: &Endpoint) -> Host {
    let gin = format!(
        "[GIN] 2026/11/22 - 00:00:00 | 200 | 1.5s | 127.0.0.1 | POST \"/api/chat{HOSTILE}\""
    );
    let lines = [
        "good",
        HOSTILE,
        "poison",
        "better",
        &gin,
        &format!("<0>poison {HOSTILE}"),
        "best",
    ];
    let entries = lines.into_iter().enumerate().map(|(place, line)| {
        Entry::line(crate::now() - 9_000_000 + 1_000_000 * place as u64, line)
    });
    endpoint.set_poison(Manner::Counted, |point| {
        let refused = point.message().contains("poison");
        refused.then(|| format!("field type conflict: {HOSTILE}"))
    });
    let host = host(endpoint, entries.collect::<Vec<_>>());
    let model = host
        .path("models/manifests/registry.ollama.ai/library")
        .join(HOSTILE);
    fs::create_dir_all(&model).unwrap();
    let layer = json!({"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:6a", "size": 1});
    let manifest = json!({"schemaVersion": 2, "config": {"size": 1}, "layers": [layer]});
    fs::write(model.join("latest"), manifest.to_string()).unwrap();
    fs::write(model.join("broken"), HOSTILE).unwrap();
    host
}

/// Every command that looks, with what it needs.
fn looks(hashes: &[&str]) -> Vec<String> {
    let mut looks: Vec<String> = [
        "status",
        "doctor",
        "spool stats",
        "spool ls",
        "spool verify",
        "spool recover",
        "spool purge --dry-run --match .",
        "quarantine ls",
        "report",
        "replay --dry-run",
        "replay --quarantined --dry-run",
        "replay --gaps --dry-run",
        "backfill --since 2000-01-01",
    ]
    .map(str::to_owned)
    .into();
    for hash in hashes {
        looks.push(format!("spool show {hash}"));
        looks.push(format!("quarantine show {hash}"));
    }
    looks
}

#[test]
fn whatever_lines_names_and_reasons_hold_no_command_lets_it_at_the_terminal_and_json_is_exact() {
    let endpoint = Endpoint::start().unwrap();
    let host = hostile_host(&endpoint);
    host.run("run --once");
    let listed: Vec<Value> = serde_json::from_str(&host.succeed("spool ls --json")).unwrap();
    let messages: Vec<_> = listed.iter().map(|entry| &entry["message"]).collect();
    assert!(messages.contains(&&json!(HOSTILE)), "exactly: {messages:?}");
    let refused = listed
        .iter()
        .filter(|entry| entry["state"] == "quarantined");
    let reasons: Vec<_> = refused
        .filter_map(|entry| entry["reason"].as_str())
        .collect();
    assert_eq!(reasons.len(), 2);
    // In one line, as every reason is.
    let is_kept = |reason: &&str| {
        reason.contains("field type conflict: x <0>forged") && reason.contains('\u{202e}')
    };
    assert!(reasons.iter().all(is_kept), "{reasons:?}");
    let hashes: Vec<_> = listed
        .iter()
        .filter_map(|entry| entry["hash"].as_str())
        .collect();

    for look in looks(&hashes) {
        let text = shown(&host, &format!("shipper {look}"));
        let json = shown(&host, &format!("shipper {look} --json"));
        assert!(!text.is_empty() && !json.is_empty(), "{look}");
    }
    let report = shown(&host, "shipper report");
    assert!(report.contains(r"x\n<0>forged"), "{report}");
    let running = host.start("run");
    host.until("it answers", |_| true);
    for look in looks(&hashes[..1]) {
        shown(&host, &format!("shipper {look}"));
    }
    running.terminate();
}

#[test]
fn arguments_names_of_files_and_the_environment_are_shown_escaped_wherever_they_are_refused() {
    let endpoint = Endpoint::start().unwrap();
    let host = host(&endpoint, []);
    host.run("run --once");
    for script in [
        r#"shipper "$H""#,
        r#"shipper "-$H""#,
        r#"shipper status "--$H""#,
        r#"shipper spool "$H""#,
        r#"shipper spool show "$H""#,
        r#"shipper spool ls --since "$H""#,
        r#"shipper spool ls --state "$H""#,
        r#"shipper spool ls --limit "$H""#,
        r#"shipper spool purge --dry-run --match "($H""#,
        r#"shipper completions "$H""#,
        r#"shipper --config "$H" status"#,
        r#"shipper --config "$PWD/$H" doctor"#,
        r#"shipper --set "$H" status"#,
        r#"shipper --set "SHIPPER_$H=1" status"#,
        r#"shipper --set "SHIPPER_$H=1" doctor"#,
        r#"shipper --set "SHIPPER_BATCH_LINES=$H" run"#,
        r#"shipper --set "SHIPPER_LOG=$H" status"#,
        r#"shipper spool recover "$PWD/$H""#,
        r#"shipper report --html "/nowhere/$H""#,
        r#"shipper man "/proc/$H""#,
        r#"SHIPPER_SPOOL_DIR="$PWD/$H" shipper status"#,
        r#"SHIPPER_SPOOL_DIR="/proc/$H" shipper run --once"#,
        r#"SHIPPER_JOURNAL_DIR="$PWD/$H" shipper doctor"#,
        r#"SHIPPER_CONTROL_SOCKET="/proc/$H" shipper run"#,
        r#"INFLUXDB_URL="http://127.0.0.1:1/$H" shipper doctor"#,
        r#"INFLUXDB_URL="$H" shipper doctor"#,
        r#"exec -a "$H" shipper --help"#,
        r#"exec -a "$H" shipper nonsense"#,
    ] {
        assert!(!shown(&host, script).is_empty(), "{script}");
    }
    let refused = shown(&host, r#"shipper "$H""#);
    assert!(
        refused.starts_with(r"error: unrecognized subcommand 'x\n<0>forged\r\u{1b}[2J"),
        "{refused}"
    );
    let terminal = r#"script -qec 'shipper "$H"' /dev/null"#;
    let output = host.shell(terminal).env("H", HOSTILE).output().unwrap();
    let coloured = String::from_utf8(output.stdout).unwrap();
    assert!(
        coloured.contains("\x1b[1m\x1b[31merror:\x1b[0m"),
        "{coloured:?}"
    );
    assert_eq!(output.status.code(), Some(2));
}

/// A server that answers every request with the same head and body.
fn server(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || answer_all(stream, answer));
        }
    });
    url
}

fn answer_all(stream: std::net::TcpStream, answer: &str) -> std::io::Result<()> {
    let mut requests = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if requests.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let line = line.to_ascii_lowercase();
            if let Some(text) = line.strip_prefix("content-length:") {
                length = text.trim().parse().unwrap_or(0);
            }
            if line == "\r\n" {
                break;
            }
        }
        requests.read_exact(&mut vec![0; length])?;
        stream.write_all(answer.as_bytes())?;
    }
}

/// Answers of a server that means harm: to whoever asks for its health, its version, to a write or a query.
fn hostile_answers() -> Vec<&'static str> {
    let quoted = json!(HOSTILE).to_string();
    let bodies = [
        HOSTILE.to_owned(),
        format!("{{\"code\":{quoted},\"message\":{quoted},\"error\":{quoted}}}"),
        format!("{{\"results\":[{{\"statement_id\":0,\"error\":{quoted}}}]}}"),
        format!(
            "{{\"results\":[{{\"series\":[{{\"name\":{quoted},\"columns\":[{quoted}],\"values\":[[{quoted}]]}}]}}]}}"
        ),
        format!(
            "{{\"buckets\":[{{\"name\":{quoted},\"id\":{quoted}}}],\"name\":{quoted},\"version\":{quoted}}}"
        ),
        format!(",error,reference\r\n,\"{HOSTILE}\",897\r\n"),
        format!(",hour,points\r\n,\"{HOSTILE}\",\"{HOSTILE}\"\r\n"),
    ];
    let statuses = [
        "200 OK",
        "400 Bad",
        "401 \u{9b}31m",
        "404 \x1b[31m",
        "422 x",
        "503 \u{202e}",
    ];
    let mut answers = Vec::new();
    for (place, body) in bodies.iter().enumerate() {
        for status in [
            statuses[0],
            statuses[1 + place % 5],
            statuses[1 + (place + 2) % 5],
        ] {
            let answer = format!(
                "HTTP/1.1 {status}\r\nX-Influxdb-Version: 2.7\u{9b}31m\u{202e}\r\nX-Influxdb-Build: \u{85}\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            // For the life of the test.
            answers.push(&*answer.leak());
        }
    }
    answers
}

#[test]
fn whatever_a_server_answers_no_command_lets_it_at_the_terminal() {
    let endpoint = Endpoint::start().unwrap();
    let mut host = host(&endpoint, [Entry::line(crate::now() - 1_000_000, "a line")]);
    host.run("run --once");
    for answer in hostile_answers() {
        host.set("INFLUXDB_URL", &server(answer));
        for api in ["v1", "v2"] {
            host.set("INFLUXDB_API", api);
            for look in ["doctor", "doctor --json", "replay --gaps --dry-run"] {
                let script = format!("shipper {look}");
                let mut command = host.shell(&script);
                let output = command.output().unwrap();
                for bytes in [output.stdout, output.stderr] {
                    assert_shown(&script, &String::from_utf8(bytes).unwrap());
                }
            }
        }
    }
}

/// The service's log under systemd while a server answers with this, and what it says of itself meanwhile.
#[test]
fn under_systemd_every_line_of_the_log_is_an_event_of_ours_whatever_the_server_answers() {
    let answers = hostile_answers();
    for answer in answers
        .iter()
        .filter(|answer| !answer.contains("200 OK"))
        .take(6)
    {
        let endpoint = Endpoint::start().unwrap();
        let mut host = host(&endpoint, [Entry::line(crate::now() - 1_000_000, "a line")]);
        host.set("INFLUXDB_URL", &server(answer));
        host.set("SHIPPER_LOG", "debug");
        let running = under_systemd(&host);
        host.until("it was refused", |stats| {
            stats["service"]["forwarder"]["last_error"].is_string()
        });
        for look in ["status", "spool stats", "doctor", "status --json"] {
            let text = shown(&host, &format!("shipper {look}"));
            assert!(text.contains("x"), "{text}");
        }
        running.terminate();
        assert_journals(&fs::read_to_string(host.path("journal.log")).unwrap());
    }
}

/// The service, whose standard error is what `$JOURNAL_STREAM` names: `journal.log`.
fn under_systemd(host: &Host) -> Running {
    let log = File::create(host.path("journal.log")).unwrap();
    let mut command = host.command("run");
    command
        .env("JOURNAL_STREAM", journal_stream(&log))
        .stderr(log);
    Running(command.spawn().unwrap())
}

/// What systemd tells of a stream.
pub(crate) fn journal_stream(file: &File) -> String {
    let metadata = file.metadata().unwrap();
    format!("{}:{}", metadata.dev(), metadata.ino())
}

/// Every line begins with a level that this program has, and holds nothing hidden.
fn assert_journals(log: &str) {
    assert!(!log.is_empty());
    for line in log.lines() {
        let level = ["<3>", "<4>", "<6>", "<7>"]
            .iter()
            .any(|level| line.starts_with(level));
        assert!(level && line.len() > 3, "{line:?} in {log}");
    }
    assert_shown("journal", log);
}

#[test]
fn under_systemd_errors_have_their_level_in_each_line_and_so_has_what_a_command_prints() {
    let endpoint = Endpoint::start().unwrap();
    let host = hostile_host(&endpoint);
    host.run("run --once");
    let listed: Vec<Value> = serde_json::from_str(&host.succeed("spool ls --json")).unwrap();
    let forged = listed.iter().find(|entry| {
        let message = entry["message"].as_str().unwrap_or_default();
        message.starts_with("<0>poison")
    });
    let hash = forged.unwrap()["hash"].as_str().unwrap();
    let to_journal = |script: &str| {
        let log = File::create(host.path("journal.log")).unwrap();
        let mut command = host.shell(script);
        command
            .env("H", HOSTILE)
            .env("JOURNAL_STREAM", journal_stream(&log));
        command.stdout(log.try_clone().unwrap()).stderr(log);
        command.status().unwrap();
        fs::read_to_string(host.path("journal.log")).unwrap()
    };
    for script in [
        r#"shipper "$H""#,
        r#"shipper --config "$H" run"#,
        r#"shipper --set "SHIPPER_BATCH_LINES=$H" --set "SHIPPER_X$H=1" run"#,
        r#"SHIPPER_SPOOL_DIR="$PWD/$H" shipper status"#,
    ] {
        let log = to_journal(script);
        assert_journals(&log);
        assert!(log.lines().all(|line| line.starts_with("<3>")), "{log}");
    }
    let show = to_journal(&format!("shipper spool show {hash}"));
    assert!(show.lines().all(|line| line.starts_with("<6>")), "{show}");
    assert!(show.contains("\n<6><0>poison x\n<6><0>forged"), "{show}");
    let json = to_journal(&format!("shipper spool show {hash} --json"));
    let parsed: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(Some(&parsed), forged);
    assert!(!json.contains("<0>"), "{json}");
}

/// Every string in `value`, in turn, as where it is.
fn strings<'a>(value: &'a mut Value, found: &mut Vec<&'a mut String>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(values) => values.iter_mut().for_each(|value| strings(value, found)),
        Value::Object(values) => values
            .iter_mut()
            .for_each(|(_, value)| strings(value, found)),
        _ => {}
    }
}

/// A peer at `socket` that passes the answers of the service at `behind` on, with the hostile text in place of the string that `which`
/// counts, in those that have so many.
fn stand_in(host: &Host, socket: &str, which: usize) {
    let listener = UnixListener::bind(host.path(socket)).unwrap();
    let behind = host.path("control.sock");
    thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let mut question = String::new();
            let mut service = UnixStream::connect(&behind).unwrap();
            let read = BufReader::new(&client).read_line(&mut question);
            // A command that only looks whether anybody listens asks nothing.
            if read.unwrap_or(0) == 0 {
                continue;
            }
            service.write_all(question.as_bytes()).unwrap();
            let mut answer: Value = serde_json::from_reader(BufReader::new(service)).unwrap();
            let mut found = Vec::new();
            strings(&mut answer, &mut found);
            if let Some(text) = found.into_iter().nth(which) {
                *text = HOSTILE.to_owned();
            }
            let _ = client.write_all(format!("{answer}\n").as_bytes());
        }
    });
}

#[test]
fn whatever_a_peer_at_the_socket_answers_no_command_lets_it_at_the_terminal() {
    let endpoint = Endpoint::start().unwrap();
    let host = hostile_host(&endpoint);
    let running = host.start("run");
    host.until("all is settled", |stats| {
        let ledger = &stats["spool"]["ledger"];
        ledger["pending"] == 0 && ledger["quarantined"] == 2
    });
    let hash = {
        let listed: Vec<Value> = serde_json::from_str(&host.succeed("spool ls --json")).unwrap();
        listed[0]["hash"].as_str().unwrap()[..16].to_owned()
    };
    let mut passed_on = 0;
    for which in 0..12 {
        let socket = format!("stand-in-{which}");
        stand_in(&host, &socket, which);
        for look in looks(&[&hash]) {
            let script = format!("SHIPPER_CONTROL_SOCKET=\"$PWD/{socket}\" shipper {look}");
            let output = host.shell(&script).output().unwrap();
            for bytes in [output.stdout, output.stderr] {
                let text = String::from_utf8(bytes).unwrap();
                assert_shown(&script, &text);
                passed_on += usize::from(text.contains(r"x\n<0>forged"));
            }
        }
    }
    assert!(passed_on > 20, "the stand-in says too little: {passed_on}");
    let socket = host.path("refusing");
    let listener = UnixListener::bind(&socket).unwrap();
    thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let _ = BufReader::new(&client).read_line(&mut String::new());
            let _ = client.write_all(format!("{}\n", json!({ "error": HOSTILE })).as_bytes());
        }
    });
    let refused = shown(
        &host,
        "SHIPPER_CONTROL_SOCKET=\"$PWD/refusing\" shipper status",
    );
    assert!(
        refused.starts_with(r"shipper: x\n<0>forged\r\u{1b}[2J"),
        "{refused}"
    );
    running.terminate();
}
