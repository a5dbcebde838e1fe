//! Standard output and standard error, and who reads them.

use std::env;
use std::ffi::OsStr;
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd;

use rustix::fs::Stat;

use crate::base::human::Palette;

/// One of the two streams of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Err,
}

impl Stream {
    /// Whether somebody looks at it on a screen that can move its cursor and show colours.
    #[must_use]
    pub(crate) fn is_screen(self) -> bool {
        let is_terminal = match self {
            Self::Out => exact().is_terminal(),
            Self::Err => errors().is_terminal(),
        };
        is_terminal && env::var_os("TERM").is_none_or(|name| name != "dumb")
    }

    /// Colours for a screen, unless somebody set `NO_COLOR` (no-color.org).
    #[must_use]
    pub(crate) fn palette(self) -> Palette {
        let asked_not_to = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        match self.is_screen() && !asked_not_to {
            true => Palette::Colour,
            false => Palette::Plain,
        }
    }

    /// Whether it is the journal's: a variable alone says nothing of a stream that was put in its place (systemd.exec(5),
    /// `$JOURNAL_STREAM`).
    #[must_use]
    pub(crate) fn is_journal(self) -> bool {
        let Some(named) = env::var_os("JOURNAL_STREAM") else {
            return false;
        };
        let stat = match self {
            Self::Out => rustix::fs::fstat(exact().as_fd()),
            Self::Err => rustix::fs::fstat(errors().as_fd()),
        };
        stat.is_ok_and(|stat| is_named(&stat, &named))
    }
}

/// Whether `named`, a device and an inode in decimal with a colon between them, is the file that `stat` is of.
fn is_named(stat: &Stat, named: &OsStr) -> bool {
    named == OsStr::new(&format!("{}:{}", stat.st_dev, stat.st_ino))
}

/// Columns of the terminal on standard output, 120 when there is none.
#[must_use]
pub(crate) fn width() -> usize {
    match rustix::termios::tcgetwinsize(exact()).map_or(0, |size| size.ws_col) {
        0 => 120,
        columns => usize::from(columns),
    }
}

/// Standard output for what a program reads as it is: line protocol, a script for a shell, the journal for the service. Nothing that
/// people read goes this way.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the way out; what people read is escaped before"
)]
pub(crate) fn exact() -> io::Stdout {
    io::stdout()
}

/// Standard error, for this layer and the log.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the way out; what people read is escaped before"
)]
pub(in crate::base) fn errors() -> io::Stderr {
    io::stderr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_the_journals_only_when_it_is_the_very_file_that_is_named() {
        let file = tempfile::tempfile().unwrap();
        let stat = rustix::fs::fstat(&file).unwrap();
        let (device, inode) = (stat.st_dev, stat.st_ino);
        let is_named = |named: String| is_named(&stat, OsStr::new(&named));
        assert!(is_named(format!("{device}:{inode}")));
        for other in [
            String::new(),
            "8:1".to_owned(),
            format!("{device}:"),
            format!("{device}:{}", inode + 1),
            format!("{}:{inode}", device + 1),
            format!("{device}:{inode}:0"),
        ] {
            assert!(!is_named(other.clone()), "{other}");
        }
    }
}
