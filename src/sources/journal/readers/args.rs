//! The argument lists that `journalctl` is started with (pure), and the sudoers rule that allows exactly those.

use std::path::Path;

use super::fields::WANTED;
use super::{Cursor, Units};

/// How `journalctl` is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// As this user.
    Journalctl,
    /// As root, as far as the rule in `deploy/sudoers.in` allows.
    Sudo,
}

/// Where systemd installs `journalctl`, and what the sudoers rule names.
const JOURNALCTL: &str = "/usr/bin/journalctl";
/// Where Debian and Fedora install sudo. Not looked up in `PATH`: what runs as root is not for an environment to choose.
const SUDO: &str = "/usr/bin/sudo";

impl Program {
    /// For status and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Journalctl => "journalctl",
            Self::Sudo => "sudo journalctl",
        }
    }

    /// The program and the arguments before those of `journalctl`.
    #[must_use]
    pub fn command(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Journalctl => ("journalctl", &[]),
            Self::Sudo => (SUDO, &["-n", JOURNALCTL]),
        }
    }
}

/// What a child is to do: these, and no other argument lists, are in `deploy/sudoers.in`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Write what there is from the cursor on, then end.
    Drain(Cursor),
    /// Write what there is from the cursor on, and what comes.
    Follow(Cursor),
    /// Write this one entry with all its fields.
    Whole(Cursor),
    /// Write the newest entry.
    Newest,
}

/// The arguments for one task.
///
/// Never `--after-cursor`, which loses an entry when the cursor's own is gone, and always by cursor: a time is given as
/// [`Cursor::at_time`], so that the sudoers rule leaves nothing else free.
#[must_use]
pub fn arguments(task: Task, units: &Units, dir: Option<&Path>) -> Vec<String> {
    let mut args = vec!["--no-pager".to_owned(), "--output=export".to_owned()];
    if !matches!(task, Task::Whole(_)) {
        args.push(format!("--output-fields={}", WANTED.join(",")));
    }
    args.extend(units.names().iter().map(|unit| format!("--unit={unit}")));
    if let Some(dir) = dir {
        args.push(format!("--directory={}", dir.display()));
    }
    match task {
        Task::Drain(cursor) => args.push(format!("--cursor={cursor}")),
        Task::Follow(cursor) => {
            args.extend(["--follow".to_owned(), "--no-tail".to_owned()]);
            if dir.is_some() {
                // Without it, following shows this host's current boot only.
                args.push("--merge".to_owned());
            }
            args.push(format!("--cursor={cursor}"));
        }
        Task::Whole(cursor) => {
            args.extend(["--lines=1".to_owned(), format!("--cursor={cursor}")]);
        }
        Task::Newest => args.push("--lines=1".to_owned()),
    }
    args
}
