//! The journal read by a child that `sudo` gives the group of the journal to: [`Feed`] is this end, [`serve`] the other.
//!
//! Both are this program. The child takes one [`FeedRequest`] on its standard input, and writes messages (`wire.rs`) until that is closed.

#[cfg(fuzzing)]
pub mod fuzzing;
mod serve;
mod wire;

use std::env;
use std::ffi::OsString;
use std::io::{self, BufReader, Read as _};
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

pub use serve::{refuse, request, serve};
pub use wire::FeedRequest;

use super::{
    Absence, Damage, Error, Followed, Gap, Journal, Notice, Positions, ReadEntry, Remarks, Step,
};
use crate::base::stop::Stop;
use wire::{FeedMessage, receive, send};

/// Where Debian and Fedora install sudo. Not looked up in `PATH`: what gets a group is not for an environment to choose.
const SUDO: &str = "/usr/bin/sudo";
/// The group that may read the journal.
const GROUP: &str = "systemd-journal";
/// How long a child that reads may say nothing before it counts as hung. Listing thousands of cold files takes seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why the child is of no use.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    #[error("{SUDO} cannot be started: is sudo installed?")]
    Spawn(#[source] io::Error),
    #[error(
        "`sudo -n -g {GROUP} PROGRAM feed` ended with {status}: {said}; does /etc/sudoers.d have the rule of this version (install.sh --journal-access sudoers)?"
    )]
    Died { status: ExitStatus, said: String },
    #[error("the child that reads the journal: {0}")]
    Failed(String),
    #[error("the child that reads the journal has said nothing for {} s", PATIENCE.as_secs())]
    Hung,
    #[error(
        "the child that reads the journal says what nobody understands: is it another version?"
    )]
    Garbage,
}

/// This end.
pub struct Feed {
    child: Child,
    /// Closing it ends the child, which sudo may keep us from killing.
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    positions: Positions,
    remarks: Remarks,
    /// The child has said that there is nothing more, and nothing since.
    is_at_end: bool,
    stop: Stop,
}

impl Feed {
    /// Starts the child.
    ///
    /// # Errors
    /// [`FeedError::Spawn`]; what else goes wrong shows when it is read.
    pub fn start(followed: &[Followed], positions: Positions, stop: &Stop) -> Result<Self, Error> {
        let mut child = Command::new(SUDO)
            .args(["-n", "-g", GROUP, "--"])
            .arg(program()?)
            .arg("feed")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(FeedError::Spawn)?;
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        let mut stdin = child.stdin.take().ok_or_else(broken)?;
        let stdout = child.stdout.take().ok_or_else(broken)?;
        let request = FeedRequest {
            followed: followed.iter().map(|one| one.label().to_owned()).collect(),
            positions: positions.clone(),
        };
        // A child that has ended says why.
        let _ = send(&mut stdin, &request);
        Ok(Self {
            child,
            stdin: Some(stdin),
            stdout: BufReader::with_capacity(64 << 10, stdout),
            positions,
            remarks: Remarks::default(),
            is_at_end: false,
            stop: stop.clone(),
        })
    }

    /// Waits until the child has said something, or the service stops, at most for `timeout`.
    fn is_readable(&self, timeout: Duration) -> bool {
        let mut ready = [
            PollFd::new(self.stdout.get_ref(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.stop.fd(), PollFlags::IN),
        ];
        // A wait that is cut short is a shorter wait.
        let _ = poll(&mut ready, Timespec::try_from(timeout).ok().as_ref());
        !ready[0].revents().is_empty()
    }

    /// Why the child has closed its end.
    fn death(&mut self) -> Error {
        drop(self.stdin.take());
        let mut said = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            // Without its words, its status has to do.
            let _ = stderr.read_to_string(&mut said);
        }
        let said = said.trim().lines().last().unwrap_or("no word").to_owned();
        match self.child.wait() {
            Ok(status) => FeedError::Died { status, said }.into(),
            Err(error) => error.into(),
        }
    }
}

/// Where this program is installed; between an upgrade and the restart of the service, the file that took its place.
fn program() -> io::Result<OsString> {
    let program = env::current_exe()?.into_os_string().into_vec();
    let installed = program.strip_suffix(b" (deleted)").unwrap_or(&program);
    Ok(OsString::from_vec(installed.to_vec()))
}

impl Journal for Feed {
    fn name(&self) -> &'static str {
        "sudo feed"
    }

    fn next(&mut self, read: &mut ReadEntry) -> Result<Step, Error> {
        if std::mem::take(&mut self.is_at_end) {
            return Ok(Step::End);
        }
        loop {
            if self.stdout.buffer().is_empty() && !self.is_readable(PATIENCE) {
                return match self.stop.is_triggered() {
                    true => Ok(Step::End),
                    false => Err(FeedError::Hung.into()),
                };
            }
            let message: FeedMessage = match receive(&mut self.stdout) {
                Ok(Some(message)) => message,
                Ok(None) => return Err(self.death()),
                Err(_) => return Err(FeedError::Garbage.into()),
            };
            return Ok(match message {
                FeedMessage::Entry(entry) => {
                    (*entry).fill(read);
                    Step::Entry
                }
                FeedMessage::Damage {
                    path,
                    from,
                    until,
                    entries,
                    since,
                } => Step::Notice(Notice::Damage(Damage {
                    path: path.into(),
                    from,
                    until,
                    entries,
                    since,
                })),
                FeedMessage::Gap {
                    from,
                    until,
                    entries,
                } => Step::Notice(Notice::Gap(Gap {
                    from,
                    until,
                    entries,
                })),
                FeedMessage::Moved { path } => Step::Notice(Notice::Moved { path: path.into() }),
                FeedMessage::Checkpoint(positions) => {
                    self.positions = positions;
                    continue;
                }
                FeedMessage::End(positions, remarks) => {
                    self.positions = positions;
                    self.remarks = remarks;
                    Step::End
                }
                FeedMessage::Failed(why) => return Err(FeedError::Failed(why).into()),
            });
        }
    }

    fn positions(&self) -> Positions {
        self.positions.clone()
    }

    fn wait(&mut self, timeout: Duration) -> Result<(), Error> {
        // Reading blocks: without a word there is nothing to be read.
        self.is_at_end = self.stdout.buffer().is_empty() && !self.is_readable(timeout);
        Ok(())
    }

    fn remarks(&self) -> Remarks {
        self.remarks.clone()
    }

    fn absence(&self, _: Option<&Path>) -> Option<Absence> {
        None
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // It ends by itself once its input is closed. Where sudo has become the child, it is ours to end, and none is left unwaited for;
        // where sudo stays in between, it is left to the manager of the service.
        let _ = match self.child.kill() {
            Ok(()) => self.child.wait().map(Some),
            Err(_) => self.child.try_wait(),
        };
    }
}
