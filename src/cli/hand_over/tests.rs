use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::os::unix::net::UnixListener;

use super::*;

const OLD: u32 = 61_001;
const NEW: Heir = Heir {
    uid: 61_002,
    gid: 61_003,
};
const OTHER: u32 = 61_004;

/// Only root gives files away.
fn is_possible() -> bool {
    rustix::process::geteuid().is_root()
}

fn arguments(directory: &Path) -> HandOverArgs {
    HandOverArgs {
        to: NEW,
        from: vec![OLD],
        dry_run: false,
        directory: directory.to_owned(),
    }
}

fn own(path: &Path, uid: u32) {
    std::os::unix::fs::lchown(path, Some(uid), Some(uid)).unwrap();
}

fn owner_of(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().uid()
}

fn handed(arguments: &HandOverArgs) -> Result<Verdict, Error> {
    hand_over(arguments, &mut |_| Ok(()))
}

/// A spool as root's commands of 0.1 left it, among the old user's.
fn spool(dir: &Path) -> PathBuf {
    let state = dir.join("state");
    fs::create_dir_all(state.join("spool/gen-0000000001/blobs")).unwrap();
    for name in ["MANIFEST", "LOCK", "gen-0000000001/db"] {
        let path = state.join("spool").join(name);
        fs::write(&path, name).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    own(&state, OLD);
    own(&state.join("spool"), OLD);
    own(&state.join("spool/LOCK"), OLD);
    state
}

fn everything(dir: &Path) -> Vec<PathBuf> {
    let mut found = vec![dir.to_owned()];
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() && !path.is_symlink() {
            true => found.extend(everything(&path)),
            false => found.push(path),
        }
    }
    found
}

#[test]
fn what_is_roots_or_the_old_users_becomes_the_new_users() {
    if !is_possible() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let state = spool(dir.path());
    let dry = HandOverArgs {
        dry_run: true,
        ..arguments(&state)
    };
    handed(&dry).unwrap();
    assert_eq!(owner_of(&state), OLD);
    assert_eq!(handed(&arguments(&state)).unwrap(), Verdict::Healthy);
    for path in everything(&state) {
        assert_eq!(owner_of(&path), NEW.uid, "{}", path.display());
    }
    assert_eq!(fs::metadata(&state).unwrap().gid(), NEW.gid);
    handed(&arguments(&dir.path().join("nothing"))).unwrap();
}

#[test]
fn what_may_be_anothers_is_left_as_it_is() {
    if !is_possible() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let state = spool(dir.path());
    let precious = dir.path().join("precious");
    fs::create_dir(&precious).unwrap();
    let shadow = precious.join("shadow");
    fs::write(&shadow, "secret").unwrap();
    fs::set_permissions(&shadow, fs::Permissions::from_mode(0o600)).unwrap();

    let planted = |name: &str| state.join("spool").join(name);
    symlink(&shadow, planted("MANIFEST.new")).unwrap();
    symlink(&precious, planted("gen-0000000002")).unwrap();
    own(&planted("MANIFEST.new"), OLD);
    fs::hard_link(&shadow, planted("ballast")).unwrap();
    let fifo = std::process::Command::new("mkfifo")
        .arg(planted("db"))
        .status();
    assert!(fifo.unwrap().success());
    let socket = UnixListener::bind(planted("conf")).unwrap();
    // Moved in from another directory of the old user's.
    fs::write(planted("diary"), "root's own").unwrap();
    fs::set_permissions(planted("diary"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::create_dir(planted("private")).unwrap();
    fs::write(planted("private/key"), "root's own").unwrap();
    File::create(planted("theirs")).unwrap();
    chown(planted("theirs"), Some(OTHER), None).unwrap();

    let mut said = String::new();
    let mut tell = |line: Arguments<'_>| {
        said += &format!("{line}\n");
        Ok(())
    };
    let verdict = hand_over(&arguments(&state), &mut tell).unwrap();
    assert_eq!(verdict, Verdict::Unhealthy);
    assert!(
        said.contains("/spool/ballast: a file that has other names"),
        "{said}"
    );
    assert!(
        said.contains("/spool/MANIFEST.new: a symbolic link"),
        "{said}"
    );
    drop(socket);
    for left in [&precious, &shadow] {
        assert_eq!(owner_of(left), 0);
    }
    for (name, uid) in [
        ("MANIFEST.new", OLD),
        ("gen-0000000002", 0),
        ("ballast", 0),
        ("db", 0),
        ("conf", 0),
        ("diary", 0),
        ("private", 0),
        ("private/key", 0),
        ("theirs", OTHER),
        ("MANIFEST", NEW.uid),
        ("gen-0000000001/db", NEW.uid),
    ] {
        assert_eq!(owner_of(&planted(name)), uid, "{name}");
    }
}

#[test]
fn the_way_to_the_directory_is_roots() {
    if !is_possible() {
        return;
    }
    let dir = tempfile::tempdir_in("/run").unwrap();
    let real = spool(dir.path());
    // Root's own links are followed.
    let shortcut = dir.path().join("shortcut");
    symlink("state", &shortcut).unwrap();
    assert_eq!(handed(&arguments(&shortcut)).unwrap(), Verdict::Healthy);
    assert_eq!(owner_of(&real), NEW.uid);
    assert_eq!(owner_of(&shortcut), 0);

    // Those of others are not, wherever they stand in the way.
    let home = dir.path().join("home");
    fs::create_dir(&home).unwrap();
    fs::create_dir_all(dir.path().join("var/spool")).unwrap();
    symlink("../var", home.join("data")).unwrap();
    symlink("../var/spool", home.join("spool")).unwrap();
    own(&home, OLD);
    for way in ["home/data/spool", "home/spool"] {
        let verdict = handed(&arguments(&dir.path().join(way))).unwrap();
        assert_eq!(verdict, Verdict::Unhealthy, "{way}");
    }
    handed(&arguments(&dir.path().join("home/../var/spool"))).unwrap_err();
    assert_eq!(owner_of(&dir.path().join("var/spool")), 0);
}

/// Whoever owns the directory swaps a file for a link as fast as it can. A hard link to what is not its own it gets only where
/// `fs.protected_hardlinks` is off, which docs/security.md asks to be on.
#[test]
fn no_swap_in_the_middle_leads_elsewhere() {
    if !is_possible() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let state = spool(dir.path());
    let target = dir.path().join("target");
    fs::write(&target, "root's").unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let swapped = state.join("spool/MANIFEST");
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Of this thread alone.
            nix::unistd::setfsuid(OLD.into());
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let _ = fs::remove_file(&swapped);
                let _ = symlink(&target, &swapped);
                let _ = fs::remove_file(&swapped);
                let _ = fs::hard_link(&target, &swapped);
                let _ = fs::remove_file(&swapped);
                let _ = fs::write(&swapped, "");
            }
        });
        for _ in 0..2000 {
            let _ = handed(&arguments(&state));
            own(&state.join("spool"), OLD);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert_eq!(owner_of(&target), 0);
}

#[test]
fn a_tree_without_end_is_not_walked_to_its_end() {
    if !is_possible() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let state = spool(dir.path());
    let mut deep = state.clone();
    for _ in 0..200 {
        deep.push("d");
    }
    fs::create_dir_all(&deep).unwrap();
    for path in everything(&state.join("d")) {
        own(&path, OLD);
    }
    assert_eq!(handed(&arguments(&state)).unwrap(), Verdict::Unhealthy);
    assert_eq!(owner_of(&deep), OLD);
    assert_eq!(owner_of(&state.join("spool/MANIFEST")), NEW.uid);
}
