//! A `journalctl` child: its pipe read without blocking for ever, its standard error in our log, its end noticed.

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::args::Program;
use super::{Error, Parser};
use crate::base::stop::Stop;

/// Bytes taken from the pipe at once: what a Linux pipe holds.
const READ_BYTES: usize = 64 << 10;

/// A running child and what of its output is not parsed yet. Dropping it ends it.
pub(super) struct Process {
    program: Program,
    child: Child,
    /// `None` only while dropping.
    stdout: Option<ChildStdout>,
    said: Arc<Mutex<String>>,
    listener: Option<JoinHandle<()>>,
    parser: Parser,
    chunk: Box<[u8]>,
}

/// What waiting for a child's output gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// More bytes were taken.
    Some,
    /// It closed its pipe.
    End,
    /// Nothing came in time, or the service stops.
    Nothing,
}

impl Process {
    pub(super) fn start(program: Program, args: &[String]) -> Result<Self, Error> {
        let (command, before) = program.command();
        let spawn = |source| Error::Spawn {
            program: program.name(),
            source,
        };
        let mut child = Command::new(command)
            .args(before)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(spawn)?;
        let stdout = child.stdout.take();
        let said = Arc::new(Mutex::new(String::new()));
        let listener = child
            .stderr
            .take()
            .and_then(|stderr| listen(program, stderr, Arc::clone(&said)).ok());
        let process = Self {
            program,
            child,
            stdout,
            said,
            listener,
            parser: Parser::default(),
            chunk: vec![0; READ_BYTES].into_boxed_slice(),
        };
        rustix::io::ioctl_fionbio(process.fd()?, true).map_err(std::io::Error::from)?;
        Ok(process)
    }

    fn fd(&self) -> Result<BorrowedFd<'_>, Error> {
        match &self.stdout {
            Some(stdout) => Ok(stdout.as_fd()),
            None => Err(Error::Io(ErrorKind::BrokenPipe.into())),
        }
    }

    /// Gives the fields of the next entry among the bytes taken so far; `false` when it is not whole yet.
    pub(super) fn entry(&mut self, field: impl FnMut(&[u8], &[u8])) -> Result<bool, Error> {
        self.parser.next(field).map_err(|source| Error::Garbage {
            program: self.program.name(),
            source,
        })
    }

    /// Takes what the child has written, waiting for it up to `timeout` or until `stop`.
    pub(super) fn take(&mut self, timeout: Duration, stop: &Stop) -> Result<Output, Error> {
        let deadline = Instant::now() + timeout;
        loop {
            let Some(stdout) = &mut self.stdout else {
                return Ok(Output::End);
            };
            match stdout.read(&mut self.chunk) {
                Ok(0) => return Ok(Output::End),
                Ok(count) => {
                    self.parser.push(&self.chunk[..count]);
                    return Ok(Output::Some);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || stop.is_triggered() {
                return Ok(Output::Nothing);
            }
            let mut ready = [
                PollFd::from_borrowed_fd(self.fd()?, PollFlags::IN),
                PollFd::from_borrowed_fd(stop.fd(), PollFlags::IN),
            ];
            match poll(&mut ready, Timespec::try_from(left).ok().as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(Error::Io(error.into())),
            }
        }
    }

    /// After [`Output::End`]: whether the child had done its work.
    ///
    /// # Errors
    /// [`Error::Died`] when it ended with a failure, [`Error::Garbage`] when it ended inside an entry.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        let status = self.child.wait()?;
        if !status.success() {
            return Err(self.death(status));
        }
        match self.parser.is_between_entries() {
            true => Ok(()),
            false => Err(Error::Garbage {
                program: self.program.name(),
                source: super::ExportError::Cut,
            }),
        }
    }

    /// After [`Output::End`] of a child that should never end.
    pub(super) fn died(mut self) -> Error {
        match self.child.wait() {
            Ok(status) => self.death(status),
            Err(error) => Error::Io(error),
        }
    }

    fn death(&mut self, status: ExitStatus) -> Error {
        if let Some(listener) = self.listener.take() {
            // Its last words are in `said` once its standard error is closed; a panic there costs only those.
            let _ = listener.join();
        }
        let said = self.said.lock().map(|said| said.clone());
        Error::Died {
            program: self.program.name(),
            status,
            said: said.unwrap_or_default(),
        }
    }
}

impl Drop for Process {
    /// Closes the pipe, which ends even a `journalctl` that sudo keeps us from killing, then kills and reaps.
    fn drop(&mut self) {
        drop(self.stdout.take());
        match self.child.kill() {
            Ok(()) => drop(self.child.wait()),
            Err(_) => drop(self.child.try_wait()),
        }
    }
}

/// Writes the child's standard error into our log, line by line, and keeps the last one.
fn listen(
    program: Program,
    stderr: impl Read + Send + 'static,
    said: Arc<Mutex<String>>,
) -> std::io::Result<JoinHandle<()>> {
    let name = program.name();
    thread::Builder::new()
        .name("journalctl".to_owned())
        .spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                tracing::warn!("{name}: {line}");
                if let Ok(mut said) = said.lock() {
                    *said = line;
                }
            }
        })
}
