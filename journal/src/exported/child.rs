//! A `journalctl -o export` child: its output parsed, its end understood.

use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Parser;
use crate::error::Error;
use crate::file::Entry;

/// How long it may write nothing before it counts as hung. Some gigabytes of cold files take seconds.
const SILENCE: Duration = Duration::from_secs(30);
/// What a Linux pipe holds, in bytes.
const CHUNK: usize = 64 << 10;
/// Bytes of its standard error that are kept.
const SAID: u64 = 4096;

/// A child that ends when it has written what there is. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Export {
    path: PathBuf,
    child: Child,
    stdout: ChildStdout,
    parser: Parser,
    chunk: Vec<u8>,
    entries: u64,
}

impl Export {
    /// Starts one for the entries of a file that match.
    pub(super) fn start(path: &Path, matches: &[Vec<u8>]) -> Result<Self, Error> {
        let failed = |source: io::Error| Error::Export {
            path: path.to_owned(),
            said: format!("it cannot be started ({source}): is it installed?"),
        };
        let mut child = Command::new("journalctl")
            .args([
                "--no-pager",
                "--quiet",
                "--all",
                "--output=export",
                "--file",
            ])
            .arg(path)
            .args(matches.iter().map(|one| OsStr::from_bytes(one)))
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let stdout = child.stdout.take();
        let stdout = stdout.ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
        Ok(Self {
            path: path.to_owned(),
            child,
            stdout,
            parser: Parser::default(),
            chunk: vec![0; CHUNK],
            entries: 0,
        })
    }

    /// The next entry, its `FIELD=value`s in `data`; `None` when it has written all that there is.
    pub(super) fn entry(&mut self, data: &mut Vec<Vec<u8>>) -> Result<Option<Entry>, Error> {
        loop {
            let mut cursor = Vec::new();
            data.clear();
            let parsed = self.parser.next(|name, value| match name {
                b"__CURSOR" => cursor.extend_from_slice(value),
                _ if name.starts_with(b"__") => {}
                _ => data.push([name, b"=", value].concat()),
            });
            match parsed {
                Ok(true) => {
                    self.entries += 1;
                    let entry = address(&cursor);
                    return entry
                        .map(Some)
                        .ok_or_else(|| self.failed("it gave an entry without a cursor"));
                }
                Ok(false) => {}
                Err(error) => return Err(self.failed(&error.to_string())),
            }
            if !self.read()? {
                return self.end();
            }
        }
    }

    /// Takes what it has written; `false` at the end.
    fn read(&mut self) -> Result<bool, Error> {
        let mut ready = [PollFd::new(&self.stdout, PollFlags::IN)];
        let timeout = Timespec::try_from(SILENCE).ok();
        match poll(&mut ready, timeout.as_ref()) {
            Ok(0) => return Err(self.failed("it has written nothing for 30 s")),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(self.failed(&error.to_string())),
        }
        match self.stdout.read(&mut self.chunk) {
            Ok(0) => Ok(false),
            Ok(count) => {
                self.parser.push(&self.chunk[..count]);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(error) => Err(self.failed(&error.to_string())),
        }
    }

    /// It passes over a file that it cannot read, too, with a word and without a failure.
    fn end(&mut self) -> Result<Option<Entry>, Error> {
        let mut said = String::new();
        if let Some(stderr) = self.child.stderr.take() {
            // Without its words, its status has to do.
            let _ = stderr.take(SAID).read_to_string(&mut said);
        }
        let status = self.child.wait();
        let is_fine = status.as_ref().is_ok_and(std::process::ExitStatus::success);
        let said = said.lines().last().unwrap_or_default();
        match (is_fine, self.parser.is_between_entries()) {
            (true, true) if self.entries > 0 || said.is_empty() => Ok(None),
            (false, _) if said.is_empty() => Err(self.failed("it ended with a failure")),
            (true, false) => Err(self.failed("it ended within an entry")),
            _ => Err(self.failed(said)),
        }
    }

    fn failed(&self, said: &str) -> Error {
        Error::Export {
            path: self.path.clone(),
            said: said.to_owned(),
        }
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        // It may have ended, and may have been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address in a cursor: `s=…;i=…;b=…;m=…;t=…;x=…`.
fn address(cursor: &[u8]) -> Option<Entry> {
    let text = std::str::from_utf8(cursor).ok()?;
    let mut parts = text.split(';').skip(1);
    let mut number = |key: &str| {
        let digits = parts.next()?.strip_prefix(key)?;
        u128::from_str_radix(digits, 16).ok()
    };
    let narrow = |number: u128| u64::try_from(number).ok();
    let seqnum = narrow(number("i=")?)?;
    let boot_id = number("b=")?.to_be_bytes();
    let monotonic = narrow(number("m=")?)?;
    let realtime = narrow(number("t=")?)?;
    let xor_hash = narrow(number("x=")?)?;
    Some(Entry::exported(
        seqnum, realtime, monotonic, boot_id, xor_hash,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_has_the_address_of_its_entry() {
        let cursor = b"s=878bcb76789642288b3b90aebfd5f5b3;i=1f;b=11111111111111111111111111111112;m=f4240;t=65bfeda352240;x=23d92a1f6a53f0be";
        let entry = address(cursor).unwrap();
        assert_eq!(
            (entry.seqnum, entry.offset, entry.monotonic),
            (31, 31, 1_000_000)
        );
        assert_eq!(entry.boot_id[15], 0x12);
        for wrong in ["", "s=1", "s=1;i=;b=1;m=1;t=1;x=1", "s=1;i=1;b=1;m=1;t=1"] {
            assert!(address(wrong.as_bytes()).is_none(), "{wrong}");
        }
    }
}
