//! The journal read by a child that `sudo` gives the group of the journal to: [`Feed`] is this end, [`serve`] the other.
//!
//! Both are this program. The child takes one [`FeedRequest`] on its standard input, and writes [`FeedMessage`]s until that is closed; each
//! is its length (four bytes, little-endian) and its stored form.

use std::env;
use std::ffi::OsString;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{
    Absence, Damage, Error, Followed, Gap, Journal, Notice, Piece, Positions, ReadEntry, Remarks,
    Step,
};
use crate::base::stop::Stop;
use crate::base::stored;
use crate::record::{LogEntry, Numbering, SeqnumId};

/// Where Debian and Fedora install sudo. Not looked up in `PATH`: what gets a group is not for an environment to choose.
const SUDO: &str = "/usr/bin/sudo";
/// The group that may read the journal.
const GROUP: &str = "systemd-journal";
/// The longest message: an entry of the largest field that is read, and its frame.
const MOST_BYTES: usize = 80 << 20;
/// After how many entries the child says where it stands.
const ENTRIES_A_CHECKPOINT: u32 = 500;
/// How long a child that reads may say nothing before it counts as hung. Listing thousands of cold files takes seconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the child waits before it looks whether there is more.
const WAIT: Duration = Duration::from_secs(10);

/// What the child is to read.
#[derive(Debug, Serialize, Deserialize)]
pub struct FeedRequest {
    /// Labels of what is followed.
    pub followed: Vec<String>,
    /// Where to begin.
    pub positions: Positions,
}

/// What the child says.
#[derive(Debug, Serialize, Deserialize)]
enum FeedMessage {
    Entry(Box<FedEntry>),
    Damage {
        path: String,
        from: u64,
        until: u64,
        entries: u64,
        since: u64,
    },
    Gap {
        from: u64,
        until: u64,
        entries: u64,
    },
    Moved {
        path: String,
    },
    /// Everything before was read up to here.
    Checkpoint(Positions),
    /// There is nothing more at present; with what is to be said of the files.
    End(Positions, Remarks),
    /// Nothing can be read, or nothing of it is allowed; the child ends.
    Failed(String),
}

/// An entry on its way.
#[derive(Debug, Serialize, Deserialize)]
struct FedEntry {
    realtime: u64,
    monotonic: u64,
    boot: [u8; 16],
    of_moment: u64,
    of_alike: u64,
    unit: String,
    message: Vec<u8>,
    identified_by: usize,
    pid: String,
    priority: Option<u8>,
    host: String,
    sequence: [u8; 16],
    seqnum: u64,
    goes_on: bool,
    stream: Vec<u8>,
    dropped: Option<u64>,
}

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

/// The other end: writes what `journal` gives to `out`, until `stop` is triggered.
///
/// # Errors
/// Those of `out`: whoever reads it is gone.
pub fn serve(
    journal: &mut dyn Journal,
    dir: Option<&Path>,
    stop: &Stop,
    out: impl Write,
) -> Result<(), Error> {
    let mut out = BufWriter::with_capacity(64 << 10, out);
    let mut read = ReadEntry::default();
    let mut since_checkpoint = 0;
    while !stop.is_triggered() {
        match journal.next(&mut read)? {
            Step::Entry => {
                send(&mut out, &FeedMessage::Entry(Box::new(FedEntry::of(&read))))?;
                since_checkpoint += 1;
                if since_checkpoint == ENTRIES_A_CHECKPOINT {
                    since_checkpoint = 0;
                    send(&mut out, &FeedMessage::Checkpoint(journal.positions()))?;
                }
            }
            Step::Notice(notice) => send(&mut out, &FeedMessage::from(notice))?,
            Step::End => {
                let message = match journal.absence(dir) {
                    Some(absence) => FeedMessage::Failed(absence.to_string()),
                    None => FeedMessage::End(journal.positions(), journal.remarks()),
                };
                send(&mut out, &message)?;
                out.flush()?;
                journal.wait(WAIT)?;
            }
        }
    }
    Ok(())
}

/// Tells the other end why nothing is read.
///
/// # Errors
/// Those of `out`.
pub fn refuse(why: &str, mut out: impl Write) -> io::Result<()> {
    send(&mut out, &FeedMessage::Failed(why.to_owned()))
}

/// The request, from the other end.
///
/// # Errors
/// [`FeedError::Garbage`] when there is none.
pub fn request(input: impl Read) -> Result<FeedRequest, Error> {
    match receive(input) {
        Ok(Some(request)) => Ok(request),
        _ => Err(FeedError::Garbage.into()),
    }
}

fn send(out: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let bytes = stored::encode_all(message).map_err(io::Error::other)?;
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(&bytes)
}

/// `None` at the end of the input.
fn receive<T: DeserializeOwned>(mut input: impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match input.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > MOST_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = Vec::new();
    input.by_ref().take(length as u64).read_to_end(&mut bytes)?;
    match stored::decode_all::<T, MOST_BYTES>(&bytes) {
        Some(message) if bytes.len() == length => Ok(Some(message)),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

impl FedEntry {
    fn of(read: &ReadEntry) -> Self {
        let entry = &read.entry;
        let (of_moment, of_alike) = match entry.number {
            Numbering::Ordinal {
                of_moment,
                of_alike,
            } => (of_moment, of_alike),
            Numbering::Sequence(_) => (0, 0),
        };
        Self {
            realtime: entry.realtime,
            monotonic: entry.monotonic,
            boot: entry.boot,
            of_moment,
            of_alike,
            unit: entry.unit.clone(),
            message: entry.message.clone(),
            identified_by: entry.identified_by,
            pid: entry.pid.clone(),
            priority: entry.priority,
            host: entry.host.clone(),
            sequence: read.seqnum.id,
            seqnum: read.seqnum.seqnum,
            goes_on: read.piece == Piece::GoesOn,
            stream: read.stream.clone(),
            dropped: read.dropped,
        }
    }

    fn fill(self, read: &mut ReadEntry) {
        let (of_moment, of_alike) = (self.of_moment, self.of_alike);
        read.entry = LogEntry {
            realtime: self.realtime,
            monotonic: self.monotonic,
            boot: self.boot,
            number: Numbering::Ordinal {
                of_moment,
                of_alike,
            },
            unit: self.unit,
            message: self.message,
            identified_by: self.identified_by,
            pid: self.pid,
            priority: self.priority,
            host: self.host,
        };
        read.seqnum = SeqnumId {
            id: self.sequence,
            seqnum: self.seqnum,
        };
        read.piece = if self.goes_on {
            Piece::GoesOn
        } else {
            Piece::Last
        };
        read.stream = self.stream;
        read.dropped = self.dropped;
    }
}

impl From<Notice> for FeedMessage {
    fn from(notice: Notice) -> Self {
        match notice {
            Notice::Damage(Damage {
                path,
                from,
                until,
                entries,
                since,
            }) => {
                let path = path.display().to_string();
                Self::Damage {
                    path,
                    from,
                    until,
                    entries,
                    since,
                }
            }
            Notice::Gap(Gap {
                from,
                until,
                entries,
            }) => Self::Gap {
                from,
                until,
                entries,
            },
            Notice::Moved { path } => Self::Moved {
                path: path.display().to_string(),
            },
        }
    }
}
