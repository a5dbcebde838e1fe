//! A journal that is absent, of somebody else, or not to be read looks like an empty one: each is told apart.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

use serde_json::Value;
use support::endpoint::Endpoint;
use support::image::Image;
use support::journal::{busy, write_journal};

use super::common::Host;
use super::rig::in_private_mounts;

const MACHINE: &str = "a0000000000000000000000000000001";
const OTHER: &str = "b0000000000000000000000000000002";

/// What `doctor --json` has found of the journal: grade and words.
fn journal(output: &Output) -> (String, String) {
    let findings: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let mut findings = findings.as_array().unwrap().iter();
    let finding = findings.find(|one| one["check"] == "journal").unwrap();
    let text = |key: &str| finding[key].as_str().unwrap().to_owned();
    (text("grade"), text("found"))
}

fn host(endpoint: &Endpoint) -> Host {
    let host = Host::new(&endpoint.url(), "v2", "token");
    fs::create_dir_all(host.path("journal")).unwrap();
    host
}

#[test]
fn no_file_no_permission_damage_and_a_newer_systemd_are_told_apart() {
    let endpoint = Endpoint::start().unwrap();
    let host = host(&endpoint);
    let doctor = || journal(&host.run("doctor --json"));
    let is = |found: (String, String), grade: &str, words: &str| {
        assert!(found.0 == grade && found.1.contains(words), "{found:?}");
    };
    is(doctor(), "fail", "no journal at");

    let file = host.path("journal/system.journal");
    write_journal(&file, busy(10)).unwrap();
    let good = Image::load(&file).unwrap();
    let foreign = {
        let mut image = good.clone();
        image.0[12] |= 64;
        image
    };
    foreign.save(&file).unwrap();
    is(doctor(), "warn", "journalctl cannot read");

    fs::write(&file, vec![b'x'; 4096]).unwrap();
    is(doctor(), "fail", "is not a journal file");

    // The others are read, and the bad one is named.
    good.save(&host.path("journal/good.journal")).unwrap();
    is(doctor(), "warn", "is not a journal file");

    if !rustix::process::geteuid().is_root() {
        support::loud("SKIPPED: another user needs root");
        return;
    }
    fs::remove_file(&file).unwrap();
    let good = host.path("journal/good.journal");
    fs::set_permissions(&good, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(host.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let shipper = host.command("");
    let environment = shipper.get_envs();
    let output = Command::new("setpriv")
        .env_clear()
        .envs(environment.filter_map(|(key, value)| Some((key, value?))))
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(copy_for_all(&host))
        .args(["doctor", "--json"])
        .output()
        .unwrap();
    is(
        journal(&output),
        "fail",
        "no permission to read the journal",
    );
}

/// The program where every user may run it.
fn copy_for_all(host: &Host) -> std::path::PathBuf {
    let program = host.path("shipper");
    fs::copy(host.command("").get_program(), &program).unwrap();
    program
}

/// Runs `shipper doctor` where this host's journal directories are ours.
const SYSTEM_JOURNAL: &str = r#"mount --bind "$1/machine-id" /etc/machine-id && mount -t tmpfs none /run/log &&
mkdir -p /run/log/journal && mount -t tmpfs none /var/log && mkdir -p /var/log/journal &&
mount --bind "$1/persistent" /var/log/journal && exec "$2" doctor --json"#;

#[test]
fn a_journal_of_another_machine_only_is_called_so() {
    if !rustix::process::geteuid().is_root() {
        support::loud("SKIPPED: private mounts need root");
        return;
    }
    let endpoint = Endpoint::start().unwrap();
    let mut host = host(&endpoint);
    host.unset("SHIPPER_JOURNAL_DIR");
    fs::write(host.path("machine-id"), format!("{MACHINE}\n")).unwrap();
    fs::create_dir_all(host.path("persistent").join(OTHER)).unwrap();
    let file = host.path("persistent").join(OTHER).join("system.journal");
    write_journal(&file, busy(10)).unwrap();
    let (grade, found) = journal(&in_private_mounts(&host, SYSTEM_JOURNAL));
    assert!(grade == "fail" && found.contains(OTHER), "{grade} {found}");
    assert!(found.contains("another machine"), "{found}");
}
