//! In every string of what a peer at the control socket answers.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

use serde_json::{Value, json};
use support::endpoint::Endpoint;

use super::{HOSTILE, assert_shown, hostile_host, looks, shown};
use crate::common::Host;

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
