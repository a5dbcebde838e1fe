//! The reader that goes through sudo, and the rule that lets it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use shipper::base::stop::Stop;
use shipper::config::Units;
use shipper::record::LogEntry;
use shipper::sources::journal::readers::{
    Cursor, Journal, Journalctl, Program, Start, Step, Task, arguments,
};
use support::journal::{UNIT, busy, write_journal};

const JOURNALCTL: &str = "/usr/bin/journalctl";

/// `nobody`, who may do nothing but what the rule says.
const NOBODY: u32 = 65_534;

fn rule() -> tempfile::NamedTempFile {
    let template = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/sudoers.in");
    let text = fs::read_to_string(template)
        .unwrap()
        .replace("@USER@", "nobody")
        .replace("@UNITS@", "--unit=ollama[.]service");
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o440)).unwrap();
    file
}

/// Whether sudo itself, given nothing but our rule, lets `nobody` run `journalctl` with these arguments.
fn allowed(rule: &tempfile::NamedTempFile, args: &[String]) -> bool {
    let script = r#"mount --bind "$1" /etc/sudoers && shift && exec setpriv --reuid=$1 --regid=$1 --clear-groups sudo -n -l -- "${@:2}""#;
    let output = Command::new("unshare")
        .args(["--mount", "bash", "-c", script, "bash"])
        .arg(rule.path())
        .arg(NOBODY.to_string())
        .arg(JOURNALCTL)
        .args(args)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("mount"), "{said}");
    output.status.success()
}

fn cursor() -> Cursor {
    "s=878bcb76789642288b3b90aebfd5f5b3;i=1f;b=11111111111111111111111111111111;m=f4240;t=65bfeda352240;x=23d92a1f6a53f0be"
        .parse()
        .unwrap()
}

/// Private mounts and another user need root, which CI and a Debian test host have.
fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        support::loud("SKIPPED: sudo is asked only when the tests run as root");
    }
    root
}

#[test]
fn the_rule_is_valid_sudoers() {
    let output = Command::new("/usr/sbin/visudo")
        .arg("-cf")
        .arg(rule().path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn the_reader_starts_sudo_and_journalctl_by_the_paths_of_the_rule() {
    let (sudo, before) = Program::Sudo.command();
    assert_eq!((sudo, before), ("/usr/bin/sudo", &["-n", JOURNALCTL][..]));
    let rule = fs::read_to_string(rule().path()).unwrap();
    let commands = rule.lines().filter(|line| line.contains("--no-pager"));
    for command in commands {
        let program = command.split_whitespace().next();
        assert_eq!(program, Some(JOURNALCTL), "{command}");
    }
}

#[test]
fn the_rule_allows_every_argument_list_of_the_reader() {
    if !is_root() {
        return;
    }
    let (rule, units) = (rule(), Units::new(&[UNIT]).unwrap());
    for cursor in [cursor(), Cursor::at_time(u64::MAX), Cursor::at_time(0)] {
        for task in [
            Task::Drain(cursor),
            Task::Follow(cursor),
            Task::Whole(cursor),
            Task::Newest,
        ] {
            let args = arguments(task, &units, None);
            assert!(allowed(&rule, &args), "{args:?}");
        }
    }
}

#[test]
fn the_rule_allows_nothing_else() {
    if !is_root() {
        return;
    }
    let (rule, units) = (rule(), Units::new(&[UNIT]).unwrap());
    let good = arguments(Task::Drain(cursor()), &units, None);
    assert!(allowed(&rule, &good));
    for extra in [
        "--cursor-file=/etc/cron.d/x",
        "-D/tmp",
        "--unit=ssh.service",
        "--vacuum-size=1",
        "--rotate",
        "",
        "-f",
    ] {
        let mut args = good.clone();
        args.push(extra.to_owned());
        assert!(!allowed(&rule, &args), "{args:?}");
        args.rotate_right(1);
        assert!(!allowed(&rule, &args), "{args:?}");
    }
    let other_unit = arguments(
        Task::Drain(cursor()),
        &Units::new(&["ssh.service"]).unwrap(),
        None,
    );
    let dot = arguments(
        Task::Newest,
        &Units::new(&["ollamaXservice"]).unwrap(),
        None,
    );
    let directory = arguments(Task::Newest, &units, Some("/tmp".as_ref()));
    for args in [other_unit, dot, directory, vec![], good[1..].to_vec()] {
        assert!(!allowed(&rule, &args), "{args:?}");
    }
    let mut open_ended = good.clone();
    let last = open_ended.last_mut().unwrap();
    last.push_str(" --vacuum-size=1");
    assert!(!allowed(&rule, &open_ended));
}

#[test]
fn entries_read_through_sudo_are_the_same() {
    if !is_root() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    write_journal(&dir.path().join("system.journal"), busy(500)).unwrap();
    let read = |program| {
        let (units, stop) = (Units::new(&[UNIT]).unwrap(), Stop::new().unwrap());
        let path: PathBuf = dir.path().into();
        let mut journal = Journalctl::open(program, Some(&path), units, stop).unwrap();
        journal.seek(&Start::Since(0)).unwrap();
        let (mut entries, mut entry) = (Vec::new(), LogEntry::default());
        while journal.next(&mut entry).unwrap() == Step::Entry {
            entries.push(entry.clone());
        }
        entries
    };
    let entries = read(Program::Sudo);
    assert_eq!(entries.len(), 500);
    assert_eq!(entries, read(Program::Journalctl));
}
