//! Root's commands in a place that the service's user can write. They need root, and say so where they do not have it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use support::endpoint::Endpoint;
use support::journal::busy;

use crate::common::{Host, wait_until};
use crate::host;

/// `nobody` of every system: the service's user here.
const USER: u32 = 65_534;

/// A host whose spool was filled and delivered by [`USER`], with the directory of the spool and the socket in its hands.
fn host_of_user(endpoint: &Endpoint) -> Option<Host> {
    if !rustix::process::geteuid().is_root() {
        support::loud("SKIPPED: only root can become another user");
        return None;
    }
    let mut host = host(endpoint, busy(50));
    let state = host.path("state");
    fs::create_dir(&state).unwrap();
    for name in ["", "journal", "journal/system.journal"] {
        fs::set_permissions(host.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    chown(&state, Some(USER), Some(USER)).unwrap();
    host.set("SHIPPER_SPOOL_DIR", state.join("spool").to_str().unwrap());
    let socket = state.join("control.sock");
    host.set("SHIPPER_CONTROL_SOCKET", socket.to_str().unwrap());
    let output = host.command("run --once").uid(USER).gid(USER).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
    Some(host)
}

/// Everything below `path`: whose it is, its mode, and its content or where it leads.
fn everything(path: &Path) -> BTreeMap<PathBuf, (u32, u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut left = vec![path.to_owned()];
    while let Some(path) = left.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let content = if metadata.is_dir() {
            left.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            Vec::new()
        } else if metadata.is_file() {
            fs::read(&path).unwrap()
        } else {
            fs::read_link(&path).map_or(Vec::new(), |to| to.into_os_string().into_encoded_bytes())
        };
        found.insert(path, (metadata.uid(), metadata.mode(), content));
    }
    found
}

fn owners(path: &Path) -> Vec<u32> {
    let mut owners: Vec<u32> = everything(path)
        .into_values()
        .map(|(uid, ..)| uid)
        .collect();
    owners.sort_unstable();
    owners.dedup();
    owners
}

/// Every command that touches the spool or the socket.
const COMMANDS: [&str; 16] = [
    "status",
    "spool stats",
    "spool ls",
    "spool show 0",
    "spool verify",
    "spool verify --repair",
    "spool export",
    "spool recover",
    "spool purge --match nothing --dry-run",
    "quarantine ls",
    "quarantine drop --all",
    "report",
    "replay --since 3650d",
    "backfill --since 3650d",
    "doctor",
    "run --once",
];

#[test]
fn nothing_in_the_spool_belongs_to_root_after_any_command_of_root() {
    let endpoint = Endpoint::start().unwrap();
    let Some(host) = host_of_user(&endpoint) else {
        return;
    };
    for command in COMMANDS {
        host.run(command);
        assert_eq!(owners(&host.path("state")), [USER], "{command}");
    }
    let output = host.command("run --once").uid(USER).gid(USER).output();
    assert!(output.unwrap().status.success(), "the service goes on");
    assert_eq!(host.ledger("pending"), 0);
}

/// Puts a link to `target` in the place of `name`.
fn plant(target: &Path, name: &Path) {
    let _ = fs::rename(name, name.with_extension("moved"));
    symlink(target, name).unwrap();
    rustix::fs::chownat(
        rustix::fs::CWD,
        name,
        Some(rustix::fs::Uid::from_raw(USER)),
        Some(rustix::fs::Gid::from_raw(USER)),
        rustix::fs::AtFlags::SYMLINK_NOFOLLOW,
    )
    .unwrap();
}

#[test]
fn no_command_of_root_writes_through_a_link_that_the_services_user_planted() {
    let endpoint = Endpoint::start().unwrap();
    if host_of_user(&endpoint).is_none() {
        return;
    }
    // Where in the spool, and what of the system's the link leads to.
    let places: [&[(&str, &str)]; 7] = [
        &[("spool/LOCK", "file")],
        &[("spool/LOCK/holder", "file"), ("spool/LOCK/new", "file")],
        &[
            ("spool/MANIFEST", "file"),
            ("spool/MANIFEST.new", "file"),
            ("spool/ballast", "file"),
        ],
        &[
            ("spool/gen-0000000001/db", "file"),
            ("spool/gen-0000000001/conf", "file"),
            ("spool/gen-0000000001/blobs", "dir"),
        ],
        &[
            ("spool/gen-0000000001", "dir"),
            ("spool/gen-0000000002", "dir"),
            ("spool/damaged-gen-0000000001", "dir"),
        ],
        &[("spool", "dir")],
        &[("spool", "missing")],
    ];
    for planted in places {
        let host = host_of_user(&endpoint).unwrap();
        let system = host.path("system");
        fs::create_dir_all(system.join("dir")).unwrap();
        fs::write(system.join("file"), "root's own").unwrap();
        let before = everything(&system);
        for command in COMMANDS {
            for (name, target) in planted {
                let name = host.path("state").join(name);
                if name.parent().is_some_and(Path::is_dir) && fs::read_link(&name).is_err() {
                    plant(&system.join(target), &name);
                }
            }
            let _ = host.run(command);
            assert_eq!(everything(&system), before, "{planted:?}: {command}");
        }
    }
}

#[test]
fn a_spool_that_is_roots_where_others_may_replace_it_is_not_touched() {
    let endpoint = Endpoint::start().unwrap();
    let Some(host) = host_of_user(&endpoint) else {
        return;
    };
    // As version 0.1 left it.
    for (path, _) in everything(&host.path("state/spool")) {
        std::os::unix::fs::lchown(path, Some(0), Some(0)).unwrap();
    }
    let before = everything(&host.path("state"));
    let output = host.run("spool stats");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("belongs to root") && said.contains("install.sh"),
        "{said}"
    );
    assert_eq!(everything(&host.path("state")), before);
}

#[test]
fn root_does_not_act_as_another_user_to_whose_directory_the_services_user_has_led_it() {
    const OTHER: u32 = 65_533;
    let endpoint = Endpoint::start().unwrap();
    let Some(host) = host_of_user(&endpoint) else {
        return;
    };
    let theirs = host.path("theirs");
    fs::create_dir_all(theirs.join("LOCK")).unwrap();
    fs::write(host.path("precious"), "of the other user").unwrap();
    for name in [host.path("precious"), theirs.clone()] {
        chown(name, Some(OTHER), Some(OTHER)).unwrap();
    }
    // Where both may write.
    plant(&host.path("precious"), &theirs.join("LOCK/holder"));
    plant(&host.path("precious"), &theirs.join("MANIFEST.new"));
    plant(&theirs, &host.path("state/spool"));
    let before = everything(&theirs);
    for command in COMMANDS {
        let output = host.run(command);
        assert!(!output.status.success(), "{command}: {output:?}");
        assert_eq!(everything(&theirs), before, "{command}");
        let precious = fs::read_to_string(host.path("precious")).unwrap();
        assert_eq!(precious, "of the other user", "{command}");
    }
}

#[test]
fn a_spool_of_roots_to_which_everybody_may_add_is_not_touched() {
    let endpoint = Endpoint::start().unwrap();
    let Some(mut host) = host_of_user(&endpoint) else {
        return;
    };
    let everybodys = host.path("everybodys");
    fs::create_dir_all(everybodys.join("LOCK")).unwrap();
    fs::set_permissions(&everybodys, fs::Permissions::from_mode(0o1777)).unwrap();
    fs::write(host.path("precious"), "root's own").unwrap();
    plant(&host.path("precious"), &everybodys.join("LOCK/holder"));
    host.set("SHIPPER_SPOOL_DIR", everybodys.to_str().unwrap());
    let before = everything(&everybodys);
    for command in COMMANDS {
        assert!(!host.run(command).status.success(), "{command}");
        assert_eq!(everything(&everybodys), before, "{command}");
    }
    let precious = fs::read_to_string(host.path("precious")).unwrap();
    assert_eq!(precious, "root's own");
}

#[test]
fn a_part_of_a_spool_that_only_root_may_read_is_refused_with_what_to_do() {
    let endpoint = Endpoint::start().unwrap();
    let Some(host) = host_of_user(&endpoint) else {
        return;
    };
    let copy = host.path("copy");
    fs::create_dir(&copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o700)).unwrap();
    let output = host.run(&format!("spool recover {}", copy.display()));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("denied") && said.contains("chown -R"),
        "{said}"
    );
}

/// A configuration that root alone may read, with a token file and without one that the user could.
#[test]
fn configuration_and_token_of_root_alone_are_read_before_rights_are_given_up() {
    let endpoint = Endpoint::start().unwrap();
    let Some(mut host) = host_of_user(&endpoint) else {
        return;
    };
    let secret = |name: &str, text: &str| {
        fs::write(host.path(name), text).unwrap();
        fs::set_permissions(host.path(name), fs::Permissions::from_mode(0o600)).unwrap();
        host.path(name).to_str().unwrap().to_owned()
    };
    let token = secret("token", "t0k3n");
    secret("config.env", &format!("INFLUXDB_TOKEN_FILE={token}\n"));
    host.unset("INFLUXDB_TOKEN");
    host.succeed("replay --since 3650d");
    host.succeed("run --once");
    assert_eq!(
        endpoint.seen().last().unwrap().authorization.as_deref(),
        Some("Token t0k3n")
    );
    assert_eq!(owners(&host.path("state")), [USER]);
}

#[test]
fn a_named_file_is_new_roots_own_and_replaces_what_stood_in_its_place() {
    let endpoint = Endpoint::start().unwrap();
    let Some(host) = host_of_user(&endpoint) else {
        return;
    };
    let (theirs, system) = (host.path("theirs"), host.path("system"));
    fs::create_dir(&theirs).unwrap();
    fs::write(&system, "root's own").unwrap();
    chown(&theirs, Some(USER), Some(USER)).unwrap();
    for command in ["report --html", "spool export --output"] {
        for name in ["new", "theirs/planted"] {
            let file = host.path(name);
            let _ = fs::remove_file(&file);
            if name != "new" {
                plant(&system, &file);
            }
            host.succeed(&format!("{command} {}", file.display()));
            let found = fs::symlink_metadata(&file).unwrap();
            assert!(found.is_file() && found.len() > 0, "{command} {name}");
            assert_eq!((found.uid(), found.mode() & 0o7777), (0, 0o600));
        }
    }
    assert_eq!(fs::read(&system).unwrap(), b"root's own");
}

fn refused(output: &Output, words: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains(words), "{said}");
}

#[test]
fn a_named_file_is_reached_through_no_link_and_replaces_nothing_but_files() {
    let endpoint = Endpoint::start().unwrap();
    let host = host(&endpoint, busy(5));
    host.succeed("run --once");
    fs::create_dir(host.path("real")).unwrap();
    symlink(host.path("real"), host.path("link")).unwrap();
    let named = |name: &str| host.run(&format!("report --html {}", host.path(name).display()));
    refused(&named("link/page.html"), "is a link or no directory");
    refused(&named("real"), "is no file");
    refused(&named("missing/page.html"), "No such file");
    refused(&host.run("report --html /dev/stdout"), "is no file");
    assert_eq!(fs::read_dir(host.path("real")).unwrap().count(), 0);
    let page = host.succeed("report --html -");
    assert!(page.starts_with("<!DOCTYPE html>"));
    assert_eq!(
        host.succeed("spool export --output -"),
        host.succeed("spool export")
    );
}

#[test]
fn run_once_as_root_makes_what_is_missing_for_whoever_may_write_there() {
    let endpoint = Endpoint::start().unwrap();
    let Some(host) = host_of_user(&endpoint) else {
        return;
    };
    fs::remove_dir_all(host.path("state/spool")).unwrap();
    host.succeed("run --once");
    assert_eq!(owners(&host.path("state")), [USER]);
    assert_eq!(host.ledger("read"), 51);
}

#[test]
fn a_stranger_at_the_socket_is_asked_nothing() {
    let endpoint = Endpoint::start().unwrap();
    if !rustix::process::geteuid().is_root() {
        support::loud("SKIPPED: only root can listen as another user");
        return;
    }
    let host = host(&endpoint, busy(5));
    host.succeed("run --once");
    let socket = host.path("control.sock");
    fs::set_permissions(host.path(""), fs::Permissions::from_mode(0o777)).unwrap();
    let script = format!(
        "import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.bind({socket:?})\ns.listen()\nprint(flush=True)\n\
         c,_=s.accept()\nsys.stdout.buffer.write(c.recv(1000))"
    );
    let stranger = std::process::Command::new("python3")
        .args(["-c", &script])
        .uid(USER)
        .gid(USER)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("the stranger listens", || socket.exists());
    fs::set_permissions(host.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    wait_until("it is found out", || {
        let output = host.run("status");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        said.contains(&format!("a process of user {USER} listens"))
    });
    let heard = stranger.wait_with_output().unwrap().stdout;
    assert_eq!(
        String::from_utf8_lossy(&heard).trim(),
        "",
        "it was asked something"
    );
}
