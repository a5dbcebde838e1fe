//! What commands look like on a real terminal, which `script` (package bsdutils) makes.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use support::endpoint::Endpoint;
use support::journal::busy;

use crate::common::{Host, Running};
use crate::host;

/// `shipper ARGUMENTS` on a terminal of so many columns, where colours are wanted.
fn on_terminal(host: &Host, columns: usize, arguments: &str) -> Command {
    let script =
        format!("script -qec 'stty cols {columns} rows 40; shipper {arguments}' /dev/null");
    let mut command = host.shell(&script);
    command.env("TERM", "xterm-256color");
    command
}

fn shown(command: &mut Command) -> String {
    let output = command.output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Without sequences of colour.
fn plain(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |mut plain, part| {
        plain.push_str(part.split_once('m').map_or(part, |(_, text)| text));
        plain
    })
}

#[test]
fn a_terminal_gets_colours_unless_it_asks_for_none_and_every_line_fits_it() {
    let endpoint = Endpoint::start().unwrap();
    endpoint.set_down(true);
    let host = host(&endpoint, busy(50));
    let running = host.start("run");
    host.until("the outage is noticed", |stats| {
        !stats["service"]["forwarder"]["outage_since"].is_null()
    });
    for columns in [80, 140] {
        for arguments in ["status", "doctor", "spool stats", "spool ls"] {
            let text = shown(&mut on_terminal(&host, columns, arguments));
            // The names of temporary directories are as long as they are.
            let short = |line: &&str| !line.contains("Spool /") && line.chars().count() > columns;
            let text = plain(&text).replace('\r', "");
            let long: Vec<_> = text.lines().filter(short).collect();
            assert!(long.is_empty(), "{arguments} at {columns}: {long:#?}");
            assert!(text.lines().count() > 5, "{arguments}: {text}");
        }
    }
    assert!(shown(&mut on_terminal(&host, 80, "spool stats")).contains("\x1b[1mLedger\x1b[0m"));
    let mut quiet = on_terminal(&host, 80, "spool stats");
    assert!(!shown(quiet.env("NO_COLOR", "1")).contains('\x1b'));
    let mut dumb = on_terminal(&host, 80, "spool stats");
    assert!(!shown(dumb.env("TERM", "dumb")).contains('\x1b'));
    assert!(!host.succeed("spool stats").contains('\x1b'), "no terminal");
    running.terminate();
}

#[test]
fn nothing_makes_colours_where_there_is_no_terminal() {
    let endpoint = Endpoint::start().unwrap();
    let host = host(&endpoint, []);
    for arguments in ["nonsense", "--help", "doctor", "status", "run --once"] {
        let mut command = host.command(arguments);
        for asking in ["CLICOLOR_FORCE", "FORCE_COLOR", "COLORTERM", "CLICOLOR"] {
            command.env(asking, "1");
        }
        command.env("TERM", "xterm-256color");
        let output = command.output().unwrap();
        let written = [output.stdout, output.stderr].concat();
        assert!(
            !written.is_empty() && !written.contains(&0x1b),
            "{arguments}"
        );
    }
}

#[test]
fn the_watch_shows_backlog_rates_and_history_until_q_is_pressed() {
    let endpoint = Endpoint::start().unwrap();
    endpoint.set_down(true);
    let host = host(&endpoint, busy(50));
    let running = host.start("run");
    host.until("all is read", |stats| {
        stats["spool"]["ledger"]["pending"] == 51
    });
    let mut command = on_terminal(&host, 80, "status --watch");
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Killed with the test, so that a failure leaves no terminal behind.
    let mut watch = Running(child);
    let mut screen = watch.0.stdout.take().unwrap();
    let mut seen = String::new();
    let mut buffer = [0; 4096];
    while !seen.contains("q to leave") {
        let length = screen.read(&mut buffer).unwrap();
        assert!(length > 0, "it ended: {seen}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..length]));
    }
    for part in ["shipper 0.2.0: 51 pending", "0/s", "█"] {
        assert!(seen.contains(part), "{part}: {seen}");
    }
    watch.0.stdin.take().unwrap().write_all(b"q").unwrap();
    let mut rest = String::new();
    screen.read_to_string(&mut rest).unwrap();
    assert!(watch.0.wait().unwrap().success());
    assert!(rest.contains("\x1b[?1049l"), "the terminal is given back");
    running.terminate();
}

#[test]
fn waiting_shows_a_bar_on_a_terminal_and_plain_lines_elsewhere() {
    let endpoint = Endpoint::start().unwrap();
    let host = host(&endpoint, busy(50));
    let running = host.start("run");
    host.until("all is delivered", |stats| {
        stats["spool"]["ledger"]["delivered"] == 51
    });
    let bar = shown(&mut on_terminal(&host, 80, "replay --wait"));
    for part in [
        "51 delivered entries are pending again",
        "/51 entries sent",
        " left ",
        "everything was sent",
    ] {
        assert!(bar.contains(part), "{part}: {bar:?}");
    }
    let elsewhere = host.run("replay --wait");
    let errors = String::from_utf8(elsewhere.stderr).unwrap();
    assert_eq!(errors, "everything was sent\n");
    running.terminate();
}
