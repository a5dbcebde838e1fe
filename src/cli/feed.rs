//! `shipper feed`: hands the journal to the service on the other end of its pipes, with the group that `sudo` gave it.
//!
//! It trusts nothing that its caller chooses: no argument, no environment, no file but the one that root wrote. What that file follows
//! is all that it hands over; what else it meets on the way stays in a memory that its user, as whom it runs, cannot look into.

use std::env;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::thread;

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use super::{ConfigSource, Error, Verdict};
use crate::base::stop::Stop;
use crate::base::terminal::exact;
use crate::config::{DEFAULT_FILE, JournalSettings, Raw, ReaderChoice};
use crate::sources::journal::readers::{self, FeedRequest, Followed};

/// Serves until its input is closed.
///
/// # Errors
/// [`Error::Output`] when nobody reads what it writes. Why nothing may be read is told to the other end.
pub(super) fn run(source: &ConfigSource) -> Result<Verdict, Error> {
    let served = match prepare(source) {
        Ok((settings, request)) => serve(&settings, request).map_err(|error| error.to_string()),
        Err(why) => Err(why),
    };
    match served {
        Ok(()) => Ok(Verdict::Healthy),
        Err(why) => {
            readers::refuse(&why, exact())?;
            Ok(Verdict::Unhealthy)
        }
    }
}

/// What root has configured, and what is asked for within that.
fn prepare(source: &ConfigSource) -> Result<(JournalSettings, FeedRequest), String> {
    if source.is_given() {
        return Err("feed takes no arguments".to_owned());
    }
    renounce()
        .map_err(|error| format!("feed cannot begin anew without an environment: {error}"))?;
    let file = Path::new(DEFAULT_FILE);
    check_owner(file)?;
    let raw = Raw::gather(Some(file), [], &[]).map_err(|error| error.to_string())?;
    let mut settings = raw.journal().map_err(|error| error.to_string())?;
    settings.reader = ReaderChoice::Files;
    let request = readers::request(io::stdin().lock()).map_err(|error| error.to_string())?;
    let allowed = readers::followed(&settings);
    let followed = request.followed.iter().cloned().map(Followed::from_label);
    match followed.into_iter().find(|one| !allowed.contains(one)) {
        Some(other) => Err(format!(
            "{} is not followed by {DEFAULT_FILE}: what `feed` may read has to stand there, not in a drop-in or the environment",
            other.label().escape_default()
        )),
        None => Ok((settings, request)),
    }
}

/// Gives up what the caller has a hand in: the environment, in which `systemctl` would be looked for, too, by beginning anew without
/// one; and dumps of this process's memory, which would be the caller's.
fn renounce() -> io::Result<()> {
    if env::vars_os().next().is_some() {
        let mut again = Command::new("/proc/self/exe");
        return Err(again.arg("feed").env_clear().exec());
    }
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// Who may write the file decides what is read; a link could lead where others write.
fn check_owner(file: &Path) -> Result<(), String> {
    let name = file.display();
    for path in [file, file.parent().unwrap_or(file)] {
        let metadata = fs::symlink_metadata(path).map_err(|error| format!("{name}: {error}"))?;
        if metadata.is_symlink() || metadata.uid() != 0 || metadata.mode() & 0o022 != 0 {
            let path = path.display();
            return Err(format!(
                "{path} has to be root's, no link, and writable by root alone: chown root {path}; chmod go-w {path}"
            ));
        }
    }
    Ok(())
}

fn serve(settings: &JournalSettings, request: FeedRequest) -> Result<(), readers::Error> {
    let stop = Stop::new()?;
    let closed = stop.clone();
    thread::Builder::new()
        .name("input".to_owned())
        .spawn(move || {
            // Whatever comes, and however it ends: nothing more is asked for.
            let _ = io::stdin().lock().read(&mut [0]);
            closed.trigger();
        })?;
    let followed = request.followed.into_iter().map(Followed::from_label);
    let followed: Vec<Followed> = followed.collect();
    let mut journal = readers::open(settings, &followed, request.positions, &stop)?;
    let dir = settings.dir.as_deref();
    readers::serve(journal.as_mut(), dir, &stop, exact())
}
