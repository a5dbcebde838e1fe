//! The control socket against clients that mean harm, or are broken.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use support::endpoint::Endpoint;
use support::journal::{Entry, busy, write_journal};

use crate::common::{Host, PATIENCE, wait_until};
use crate::host;

/// Waits until the service has closed the connection; what it said before.
fn until_cut_off(client: &mut UnixStream) -> String {
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut said = Vec::new();
    match client.read_to_end(&mut said) {
        Ok(_) => {}
        // It was closed with something of ours unread.
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
    }
    String::from_utf8(said).unwrap()
}

/// An entry that is written now arrives, whatever the clients do.
fn stages_go_on(host: &Host, endpoint: &Endpoint, message: &str) {
    let started = Instant::now();
    let file = host.path(&format!("journal/{message}.journal"));
    write_journal(&file, [Entry::line(crate::now(), message)]).unwrap();
    wait_until("an entry written meanwhile arrives", || {
        endpoint.points(|points| points.messages().iter().any(|found| found == message))
    });
    let took = started.elapsed();
    assert!(
        took < Duration::from_secs(10),
        "the stages waited: {took:?}"
    );
}

#[test]
fn clients_that_say_nothing_or_half_a_line_are_cut_off_and_keep_nobody_out() {
    let endpoint = Endpoint::start().unwrap();
    let host = host(&endpoint, busy(100));
    let running = host.start("run");
    host.until("it answers", |_| true);
    let socket = host.path("control.sock");
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    // Twice as many as are served at once.
    let halves: [&[u8]; 8] = [
        b"",
        b"{\"v\":1,",
        b"x",
        b"\xff\xfe",
        b"[",
        b"\"",
        b"\0",
        b"n",
    ];
    let mut silent: Vec<_> = (0..128)
        .map(|number| {
            let mut client = UnixStream::connect(&socket).unwrap();
            client.write_all(halves[number % halves.len()]).unwrap();
            client
        })
        .collect();
    stages_go_on(&host, &endpoint, "meanwhile");
    let started = Instant::now();
    assert!(host.stats()["spool"]["ledger"]["read"].as_u64() >= Some(101));
    let took = started.elapsed();
    assert!(took < Duration::from_secs(15), "kept out for {took:?}");
    for client in &mut silent {
        assert_eq!(until_cut_off(client), "");
    }
    // Half-open: it has said all it will say, and still listens.
    let mut half_open = UnixStream::connect(&socket).unwrap();
    half_open.write_all(b"{\"v\":1").unwrap();
    half_open.shutdown(Shutdown::Write).unwrap();
    assert!(until_cut_off(&mut half_open).contains("one line of at most"));
    let took = running.terminate();
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_line_without_an_end_is_cut_off_at_its_limit() {
    let endpoint = Endpoint::start().unwrap();
    let host = host(&endpoint, busy(1));
    let running = host.start("run");
    host.until("it answers", |_| true);
    let mut client = UnixStream::connect(host.path("control.sock")).unwrap();
    client.set_write_timeout(Some(PATIENCE)).unwrap();
    let mut written = 0;
    let error = loop {
        match client.write(&[b'x'; 4096]) {
            Ok(bytes) => written += bytes,
            Err(error) => break error,
        }
        assert!(written < 64 << 20, "it reads for ever");
    };
    let kinds = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
    assert!(kinds.contains(&error.kind()), "{error}");
    host.stats();
    running.terminate();
}

#[test]
fn a_client_that_does_not_read_its_answer_is_cut_off_while_others_are_served() {
    let endpoint = Endpoint::start().unwrap();
    let line = "x".repeat(4_000);
    let entries =
        (0..500).map(|n| Entry::line(crate::now() - 1_000_000 + n, format!("{n} {line}")));
    let host = host(&endpoint, entries);
    let running = host.start("run");
    host.until("all is delivered", |stats| {
        stats["spool"]["ledger"]["delivered"] == 501
    });
    let request = serde_json::json!({
        "v": 1,
        "spool_dir": host.path("spool"),
        "request": {"command": "list", "period": {}, "from": 0, "limit": 500},
    });
    // A peer has half of the eight turns.
    let mut slow: Vec<_> = (0..3)
        .map(|_| {
            let mut client = UnixStream::connect(host.path("control.sock")).unwrap();
            writeln!(client, "{request}").unwrap();
            client
        })
        .collect();
    let started = Instant::now();
    host.stats();
    stages_go_on(&host, &endpoint, "meanwhile");
    assert!(started.elapsed() < Duration::from_secs(10));
    // The reader of this answer comes too late for most of it.
    let mut late = slow.pop().unwrap();
    while started.elapsed() < Duration::from_secs(7) {
        std::thread::sleep(Duration::from_millis(100));
        host.stats();
    }
    let said = until_cut_off(&mut late);
    assert!(
        said.starts_with("{\"ok\":") && !said.ends_with('\n'),
        "{} bytes",
        said.len()
    );
    let took = running.terminate();
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_peer_that_is_neither_root_nor_the_service_is_refused() {
    const CLIENT: &str = "
import socket, sys
client = socket.socket(socket.AF_UNIX)
client.connect(sys.argv[1])
print(client.makefile().readline())
";
    if !rustix::process::geteuid().is_root() {
        support::loud("SKIPPED: another user's client can be tried as root only");
        return;
    }
    let endpoint = Endpoint::start().unwrap();
    let host = host(&endpoint, busy(1));
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(host.path(""), open).unwrap();
    let running = host.start("run");
    host.until("it answers", |_| true);
    // nobody, in the group that may use the socket.
    let client = Command::new("python3")
        .args(["-c", CLIENT])
        .arg(host.path("control.sock"))
        .uid(65_534)
        .gid(0)
        .output()
        .unwrap();
    let said = String::from_utf8(client.stdout).unwrap();
    let errors = String::from_utf8_lossy(&client.stderr);
    assert!(
        said.contains("only root and the user of the service"),
        "{said} {errors}"
    );
    // And in no such group it does not even get a connection.
    let client = Command::new("python3")
        .args(["-c", CLIENT])
        .arg(host.path("control.sock"))
        .uid(65_534)
        .gid(65_534)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&client.stderr);
    assert!(errors.contains("PermissionError"), "{errors}");
    running.terminate();
}

#[test]
fn wrong_requests_get_an_answer_that_says_what_is_wrong() {
    let endpoint = Endpoint::start().unwrap();
    let host = host(&endpoint, busy(1));
    let running = host.start("run");
    host.until("it answers", |_| true);
    let ask = |request: &str| {
        let mut client = UnixStream::connect(host.path("control.sock")).unwrap();
        // A request that is too long is not read to its end.
        let _ = client.write_all(request.as_bytes());
        let mut said = String::new();
        let _ = client.read_to_string(&mut said);
        said
    };
    let dir = host.path("spool");
    let version = format!(r#"{{"v":99,"spool_dir":{dir:?},"request":{{"command":"stats"}}}}"#);
    for (request, words) in [
        ("nonsense\n".to_owned(), "not a request"),
        (version + "\n", "version"),
        (
            r#"{"v":1,"spool_dir":"/other","request":{"command":"stats"}}"#.to_owned() + "\n",
            "/other",
        ),
        (
            r#"{"v":1,"spool_dir":"/x","request":{"command":"format_disk"}}"#.to_owned() + "\n",
            "not a request",
        ),
    ] {
        let said = ask(&request);
        assert!(
            said.contains("\"error\"") && said.contains(words),
            "{request} -> {said}"
        );
    }
    // Cut off without harm, whether the answer gets through or not.
    ask(&"x".repeat(1 << 20));
    host.stats();
    running.terminate();
}

#[test]
fn the_socket_of_a_dead_service_is_replaced_and_that_of_a_living_one_is_not() {
    let endpoint = Endpoint::start().unwrap();
    let host = host(&endpoint, busy(1));
    drop(UnixListener::bind(host.path("control.sock")).unwrap());
    let running = host.start("run");
    host.until("it answers", |_| true);
    let mut second = host.command("run");
    second.env("SHIPPER_SPOOL_DIR", host.path("another"));
    let output = second.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        errors.contains("another shipper already listens"),
        "{errors}"
    );
    host.stats();
    running.terminate();
}
