//! The control socket against clients that mean harm, or are broken.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use support::endpoint::Endpoint;
use support::journal::{Entry, busy, write_journal};

use crate::common::wait_until;
use crate::host;

#[test]
fn hostile_clients_are_cut_off_and_block_neither_the_stages_nor_each_other() {
    let endpoint = Endpoint::start().unwrap();
    let host = host(&endpoint, busy(100));
    let running = host.start("run");
    host.until("it answers", |_| true);
    let socket = host.path("control.sock");
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);

    // More of them than are served at once: silent, half a line, no end, not JSON, another version.
    let mut silent = Vec::new();
    for half in [
        &b""[..],
        b"{\"v\":1,",
        b"x",
        b"{",
        b"\xff\xfe",
        b"[",
        b"\"",
        b"{\"v\"",
        b"1",
        b"n",
    ] {
        let mut client = UnixStream::connect(&socket).unwrap();
        client.write_all(half).unwrap();
        silent.push(client);
    }
    let started = Instant::now();
    write_journal(
        &host.path("journal/later.journal"),
        [Entry::line(crate::now(), "later")],
    )
    .unwrap();
    wait_until("an entry written meanwhile arrives", || {
        endpoint.points(|points| points.messages().iter().any(|message| message == "later"))
    });
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "the stages waited for a client"
    );
    for client in &mut silent {
        client
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        let mut said = String::new();
        // Cut off: either at once or with an answer that is an error.
        let _ = client.read_to_string(&mut said);
        assert!(said.is_empty() || said.contains("\"error\""), "{said}");
    }
    assert!(host.stats()["spool"]["ledger"]["read"].as_u64() >= Some(101));
    let took = running.terminate();
    assert!(took < Duration::from_secs(5), "{took:?}");
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
