//! Five hundred clients that mean harm keep nobody out, neither at the control socket nor at /metrics.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use support::endpoint::Endpoint;
use support::journal::busy;

use crate::common::{Host, wait_until};
use crate::host;

const CROWD: usize = 500;
/// How long the crowd is quiet after each of it had its say.
const PACE: Duration = Duration::from_millis(100);
/// What a scrape may take: Prometheus' default `scrape_timeout`.
const SCRAPE: Duration = Duration::from_secs(10);

/// A connection of the crowd's.
trait Client: Read + Write + Send {}
impl Client for TcpStream {}
impl Client for UnixStream {}

/// Says its part, and reads a byte now and then; whether it is still connected.
fn linger(client: &mut dyn Client, line: &[u8]) -> bool {
    let said = client.write(line);
    let read = match client.read(&mut [0]) {
        Ok(0) => false,
        Ok(_) => true,
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    };
    read && said.map_or_else(|error| error.kind() == ErrorKind::WouldBlock, |_| true)
}

/// Holds up `connect` with a crowd, in which whoever is sent away comes back, while `meanwhile` runs.
fn besieged(
    connect: impl Fn() -> io::Result<Box<dyn Client>> + Sync,
    lines: &[&[u8]],
    meanwhile: impl FnOnce(),
) {
    let (over, came) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut crowd: Vec<Option<Box<dyn Client>>> = (0..CROWD).map(|_| None).collect();
            while !over.load(Ordering::Relaxed) {
                for (number, place) in crowd.iter_mut().enumerate() {
                    let line = lines[number % lines.len()];
                    if !place
                        .as_mut()
                        .is_some_and(|client| linger(&mut **client, line))
                    {
                        *place = connect().ok();
                        came.fetch_add(usize::from(place.is_some()), Ordering::Relaxed);
                    }
                }
                // Slow clients, no flood: each has its say some times a second.
                thread::sleep(PACE);
            }
        });
        wait_until("the crowd is there", || {
            came.load(Ordering::Relaxed) >= CROWD
        });
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(meanwhile));
        over.store(true, Ordering::Relaxed);
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
}

fn tcp(port: u16) -> io::Result<Box<dyn Client>> {
    let client = TcpStream::connect(("127.0.0.1", port))?;
    client.set_nonblocking(true)?;
    Ok(Box::new(client))
}

fn unix(path: &std::path::Path) -> io::Result<Box<dyn Client>> {
    let client = UnixStream::connect(path)?;
    client.set_nonblocking(true)?;
    Ok(Box::new(client))
}

/// Asks for the metrics until they come, as Prometheus does at each interval; each must come in time.
fn scrape_thrice(connect: impl Fn() -> io::Result<Box<dyn Client>>) {
    for _ in 0..3 {
        let started = Instant::now();
        let mut client = connect().unwrap();
        let mut answer = Vec::new();
        let mut request: &[u8] = b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        wait_until("the answer is whole", || {
            if let Ok(written) = client.write(request) {
                request = &request[written..];
            }
            let mut part = [0; 4096];
            match client.read(&mut part) {
                Ok(0) => true,
                Ok(read) => {
                    answer.extend_from_slice(&part[..read]);
                    false
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => false,
                Err(error) => panic!("sent away: {error}"),
            }
        });
        let answer = String::from_utf8(answer).unwrap();
        assert!(
            answer.contains("\nshipper_entries_read_total 6"),
            "{answer:?}"
        );
        assert!(started.elapsed() < SCRAPE, "{:?}", started.elapsed());
    }
}

/// A service that has delivered five entries and a snapshot.
fn service(endpoint: &Endpoint, metrics: &str) -> (Host, crate::common::Running) {
    let mut host = host(endpoint, busy(5));
    let listen = metrics.replace("HOST", host.path("").to_str().unwrap());
    host.set("SHIPPER_METRICS_LISTEN", &listen);
    let running = host.start("run");
    host.until("all is delivered", |stats| {
        stats["spool"]["ledger"]["delivered"] == 6
    });
    (host, running)
}

/// Silent ones, halves, requests without end and requests whose answers nobody reads.
const HTTP: [&[u8]; 4] = [
    b"",
    b"GET /met",
    b"x",
    b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n",
];

#[test]
fn five_hundred_slow_clients_do_not_keep_a_scrape_out() {
    let endpoint = Endpoint::start().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let (_host, running) = service(&endpoint, &format!("127.0.0.1:{port}"));
    besieged(|| tcp(port), &HTTP, || scrape_thrice(|| tcp(port)));
    running.terminate();
}

#[test]
fn metrics_are_to_be_had_at_a_path_and_as_well_shared_there() {
    let endpoint = Endpoint::start().unwrap();
    let (host, running) = service(&endpoint, "HOST/metrics.sock");
    let path = host.path("metrics.sock");
    besieged(|| unix(&path), &HTTP, || scrape_thrice(|| unix(&path)));
    running.terminate();
    assert!(!path.exists(), "the socket goes with the service");
}

#[test]
fn five_hundred_slow_clients_do_not_keep_a_command_out() {
    let endpoint = Endpoint::start().unwrap();
    let (host, running) = service(&endpoint, "off");
    let list = serde_json::json!({
        "v": 1,
        "spool_dir": host.path("spool"),
        "request": {"command": "list", "period": {}, "from": 0, "limit": 500},
    });
    let list = format!("{list}\n");
    let lines = [b"".as_slice(), b"{\"v\":1,", list.as_bytes(), b"\n"];
    besieged(
        || unix(&host.path("control.sock")),
        &lines,
        || {
            for _ in 0..3 {
                let started = Instant::now();
                host.stats();
                assert!(started.elapsed() < SCRAPE, "{:?}", started.elapsed());
            }
        },
    );
    running.terminate();
}
