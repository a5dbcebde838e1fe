//! In everything that a server can answer with.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use serde_json::json;
use support::endpoint::Endpoint;
use support::journal::Entry;

use super::{HOSTILE, assert_shown};
use crate::host;

/// A server that answers every request with the same head and body.
pub(super) fn server(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || answer_all(stream, answer));
        }
    });
    url
}

fn answer_all(stream: TcpStream, answer: &str) -> io::Result<()> {
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
pub(super) fn hostile_answers() -> Vec<&'static str> {
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
