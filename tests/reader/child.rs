//! A `journalctl` that writes garbage and dies: every entry arrives once it works again.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::common::{Host, Running};
use support::endpoint::Endpoint;
use support::journal::{busy, write_journal};

const ENTRIES: usize = 500;

/// A host whose `journalctl` is `script`; `$STATE` is a directory for it.
fn host(endpoint: &Endpoint, script: &str) -> Host {
    let mut host = Host::new(&endpoint.url(), "v2", "token");
    host.set("SHIPPER_JOURNAL_READER", "journalctl");
    fs::create_dir_all(host.path("journal")).unwrap();
    fs::create_dir_all(host.path("bin")).unwrap();
    write_journal(&host.path("journal/system.journal"), busy(ENTRIES)).unwrap();
    let program = host.path("bin/journalctl");
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    host
}

fn command(host: &Host, arguments: &str) -> std::process::Command {
    let mut command = host.command(arguments);
    let path = format!(
        "{}:{}",
        host.path("bin").display(),
        std::env::var("PATH").unwrap()
    );
    command.env("PATH", path).env("STATE", host.path("bin"));
    command
}

#[test]
fn a_child_that_writes_garbage_or_dies_is_started_again_until_it_works() {
    let endpoint = Endpoint::start().unwrap();
    let host = host(
        &endpoint,
        r#"#!/bin/sh
calls=$(cat "$STATE/calls" 2>/dev/null || echo 0)
echo $((calls + 1)) > "$STATE/calls"
case $calls in
0) exec head -c 100000 /dev/urandom ;;
1) /usr/bin/journalctl "$@" | head -c 20000; echo "the disk is on fire" >&2; exit 3 ;;
*) exec /usr/bin/journalctl "$@" ;;
esac
"#,
    );
    let log = fs::File::create(host.path("shipper.log")).unwrap();
    let running = Running(command(&host, "run").stderr(log).spawn().unwrap());
    host.until("all is delivered", |stats| {
        stats["spool"]["ledger"]["delivered"].as_u64() >= Some(ENTRIES as u64)
    });
    let reader = &host.stats()["service"]["reader"];
    assert_eq!(
        (&reader["gaps"], &reader["stalls"], &reader["unreadable"]),
        (&0.into(), &0.into(), &0.into()),
        "{reader}"
    );
    running.terminate();
    let log = fs::read_to_string(host.path("shipper.log")).unwrap();
    for said in ["journalctl cannot read", "the disk is on fire"] {
        assert!(log.contains(said), "{said} is missing in:\n{log}");
    }
    let messages = endpoint.points(support::endpoint::Points::messages);
    assert_eq!(messages.len(), ENTRIES);
}

#[test]
fn once_a_journalctl_that_fails_is_one_clear_warning_with_its_words() {
    let endpoint = Endpoint::start().unwrap();
    let host = host(&endpoint, "#!/bin/sh\necho 'no such unit' >&2\nexit 1\n");
    let output = command(&host, "run --once").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let warned = said.matches("system.journal: no such unit").count();
    assert_eq!(warned, 1, "{said}");
}
