//! The service as the service manager sees it.

use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use support::endpoint::{Endpoint, Fault};
use support::journal::busy;

use crate::common::{Host, PATIENCE, Running, hang, wait_until};
use crate::host;

/// A service manager: what it has been told so far.
struct Manager {
    socket: UnixDatagram,
    told: Vec<String>,
}

impl Manager {
    fn of(host: &Host) -> Self {
        let socket = UnixDatagram::bind(host.path("notify.sock")).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        Self {
            socket,
            told: Vec::new(),
        }
    }

    fn listen(&mut self) {
        let mut buffer = [0; 4096];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            self.told
                .push(String::from_utf8(buffer[..length].to_vec()).unwrap());
        }
    }

    /// Waits until it is told something that contains `words`, after what it was told before.
    fn until(&mut self, words: &str) {
        self.told.clear();
        let deadline = std::time::Instant::now() + PATIENCE;
        while !self.has(words) {
            assert!(
                std::time::Instant::now() < deadline,
                "never told {words:?}: {:?}",
                self.told
            );
            self.listen();
        }
    }

    fn has(&self, words: &str) -> bool {
        self.told.iter().any(|told| told.contains(words))
    }

    fn start(&self, host: &Host, arguments: &str, watchdog: Option<Duration>) -> Running {
        Running(self.command(host, arguments, watchdog).spawn().unwrap())
    }

    fn command(&self, host: &Host, arguments: &str, watchdog: Option<Duration>) -> Command {
        let mut command = host.command(arguments);
        command.env("NOTIFY_SOCKET", host.path("notify.sock"));
        if let Some(watchdog) = watchdog {
            command.env("WATCHDOG_USEC", watchdog.as_micros().to_string());
        }
        command
    }
}

fn signal(running: &Running, signal: Signal) {
    let pid = Pid::from_raw(running.0.id().cast_signed()).unwrap();
    kill_process(pid, signal).unwrap();
}

#[test]
fn ready_comes_after_the_first_read_without_a_server_and_status_says_so_in_words() {
    let endpoint = Endpoint::start().unwrap();
    endpoint.set_down(true);
    let host = host(&endpoint, busy(1_234));
    let mut manager = Manager::of(&host);
    let running = manager.start(&host, "run", Some(Duration::from_secs(2)));
    manager.until("READY=1");
    assert!(!manager.has("STOPPING"));
    manager.until("InfluxDB unreachable since ");
    let words = manager
        .told
        .iter()
        .find(|told| told.contains("unreachable"))
        .unwrap();
    assert!(words.starts_with("STATUS=1,23"), "{words}");
    manager.until("WATCHDOG=1");
    let took = running.terminate();
    assert!(
        took < Duration::from_secs(5),
        "a dead server held the end up for {took:?}"
    );
    manager.until("STOPPING=1");
}

#[test]
fn a_server_that_hangs_gets_five_seconds_and_what_it_took_is_sent_again() {
    let endpoint = Endpoint::start().unwrap();
    endpoint.script(vec![Some(Fault::Hang); 8]);
    let host = host(&endpoint, busy(100));
    let running = host.start("run");
    wait_until("a request hangs", || endpoint.most_open() > 0);
    host.until("all is read", |stats| {
        stats["spool"]["ledger"]["read"] == 101
    });
    let took = running.terminate();
    // Five for what is in flight; the rest is closing the spool on a busy machine.
    assert!(took < Duration::from_secs(8), "{took:?}");
    assert_eq!(host.ledger("pending"), 101);
    endpoint.script_clear();
    host.succeed("run --once");
    assert_eq!(endpoint.points(|points| points.messages().len()), 100);
}

#[test]
fn a_reload_takes_a_good_configuration_over_and_refuses_a_wrong_one() {
    let endpoint = Endpoint::start().unwrap();
    let mut host = host(&endpoint, busy(10));
    host.unset("SHIPPER_HOST");
    let write = |text: &str| std::fs::write(host.path("config.env"), text).unwrap();
    write("SHIPPER_HOST=before\n");
    let mut manager = Manager::of(&host);
    let running = manager.start(&host, "run", None);
    manager.until("READY=1");

    write("SHIPPER_HOST=wrong\nSHIPPER_BATCH_LINES=many\n");
    signal(&running, Signal::HUP);
    manager.until("READY=1");
    assert!(manager.has("RELOADING=1\nMONOTONIC_USEC="));
    assert!(
        host.succeed("spool stats --set SHIPPER_BATCH_LINES=1")
            .contains("Ledger"),
        "it goes on"
    );
    let hosts = || {
        endpoint.points(|points| {
            points
                .iter()
                .map(|point| point.series.clone())
                .collect::<Vec<_>>()
        })
    };
    assert!(hosts().iter().all(|series| series.contains(",host=before")));

    write("SHIPPER_HOST=after\n");
    signal(&running, Signal::HUP);
    manager.until("READY=1");
    assert!(manager.has("RELOADING=1\nMONOTONIC_USEC="));
    // The new round begins with a snapshot of the inventory.
    wait_until("a point has the new host", || {
        hosts().iter().any(|series| series.contains(",host=after"))
    });
    running.terminate();
}

#[test]
fn a_spool_that_cannot_be_opened_after_a_reload_leaves_the_old_configuration() {
    let endpoint = Endpoint::start().unwrap();
    let mut host = host(&endpoint, busy(10));
    host.unset("SHIPPER_CONTROL_SOCKET");
    let good = format!(
        "SHIPPER_CONTROL_SOCKET={}\n",
        host.path("control.sock").display()
    );
    std::fs::write(host.path("config.env"), &good).unwrap();
    let mut manager = Manager::of(&host);
    let running = manager.start(&host, "run", None);
    manager.until("READY=1");
    std::fs::write(
        host.path("config.env"),
        "SHIPPER_CONTROL_SOCKET=/nowhere/at/all\n",
    )
    .unwrap();
    signal(&running, Signal::HUP);
    manager.until("READY=1");
    std::fs::write(host.path("config.env"), &good).unwrap();
    assert!(!host.stats()["service"].is_null());
    running.terminate();
}

#[test]
fn a_stage_that_is_really_stuck_starves_the_watchdog() {
    let endpoint = Endpoint::start().unwrap();
    let mut host = host(&endpoint, busy(10));
    host.set("SHIPPER_POLL_INTERVAL", "100ms");
    let mut manager = Manager::of(&host);
    let Some(hang) = hang("journal") else {
        return;
    };
    let watchdog = Duration::from_millis(200);
    let shipper = manager.command(&host, "run", Some(watchdog));
    let script = format!("{hang}shift; exec \"$@\"");
    let mut command = host.in_private_mounts(&shipper, &script);
    let mut running = Running(command.spawn().unwrap());
    manager.until("WATCHDOG=1");
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        manager.told.clear();
        // Ten periods without a sign of life.
        let quiet = std::time::Instant::now() + watchdog * 10;
        while std::time::Instant::now() < quiet {
            manager.listen();
        }
        if !manager.has("WATCHDOG=1") {
            break;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "the watchdog is still fed"
        );
    }
    assert!(!manager.has("READY=1"));
    // Even so it ends when it is told to, and says that something was wrong.
    signal(&running, Signal::TERM);
    let ended = running.0.wait().unwrap();
    assert_eq!(ended.code(), Some(1), "{ended}");
}
