//! A file that an operator names to be written: `--html FILE`, `--output FILE`.
//!
//! What goes into it is read with the rights of the spool's owner, the file is written with those of whoever gave the command. So it is
//! written by a process of its own, which is started before root's rights are given up and does nothing else.

use std::ffi::OsStr;
use std::fs::File;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, PipeWriter, Read, Write, pipe};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Component, Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::fd::OwnedFd;
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, fchmod, openat, readlinkat, renameat, statat, unlinkat,
};
use rustix::io::Errno;

use super::{Error, Verdict};
use crate::base::terminal::exact;

/// Only its owner reads it: it holds what was logged.
const MODE: Mode = Mode::from_raw_mode(0o600);
/// Stands for standard output.
const STANDARD_OUTPUT: &str = "-";
/// The most bytes of one part on the way to the writing process.
const PART: usize = 64 << 10;

/// Where to.
pub(super) enum Outlet {
    StandardOutput,
    File(Writing),
}

impl Outlet {
    /// Begins to write to `path`; nothing is seen there before [`Outlet::finish`].
    ///
    /// # Errors
    /// When no process can be started.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        if path.as_os_str() == STANDARD_OUTPUT {
            return Ok(Self::StandardOutput);
        }
        Ok(Self::File(Writing::start(path)?))
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// Why they cannot be written, with the file's name.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match self {
            Self::StandardOutput => Ok(exact().write_all(bytes)?),
            Self::File(writing) => writing.write(bytes),
        }
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// Those of [`Outlet::write`].
    pub(super) fn finish(self) -> Result<(), Error> {
        match self {
            Self::StandardOutput => Ok(exact().flush()?),
            Self::File(writing) => writing.finish(),
        }
    }
}

/// The process that writes, and the way to it.
pub(super) struct Writing {
    process: Child,
    input: PipeWriter,
}

impl Writing {
    fn start(path: &Path) -> io::Result<Self> {
        let (output, input) = pipe()?;
        let process = Command::new("/proc/self/exe")
            .arg("write-file")
            .arg("--")
            .arg(path)
            .env_clear()
            .stdin(output)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // An interrupt ends the command; the end of its input then tells this process that the file is not whole.
            .process_group(0)
            .spawn()?;
        Ok(Self { process, input })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        for part in bytes.chunks(PART) {
            if self.send(part).is_err() {
                return Err(self.reason());
            }
        }
        Ok(())
    }

    /// Each part with its length before it; one of no length ends the file.
    fn send(&mut self, part: &[u8]) -> io::Result<()> {
        let length = u32::try_from(part.len()).map_err(io::Error::other)?;
        self.input.write_all(&length.to_be_bytes())?;
        self.input.write_all(part)
    }

    fn finish(mut self) -> Result<(), Error> {
        if self.send(&[]).is_ok() && self.process.wait()?.success() {
            return Ok(());
        }
        Err(self.reason())
    }

    /// What the process says for itself.
    fn reason(&mut self) -> Error {
        let mut said = Vec::new();
        if let Some(mut errors) = self.process.stderr.take() {
            // No longer than an error is.
            let _ = errors.by_ref().take(PART as u64).read_to_end(&mut said);
        }
        let _ = self.process.wait();
        let said = String::from_utf8_lossy(&said);
        Error::Output(said.trim().trim_start_matches("shipper: ").to_owned())
    }
}

/// `shipper write-file FILE`: the other end of [`Outlet`].
///
/// # Errors
/// When the file cannot be written, or its input ends before the file does.
pub(super) fn run(path: &Path) -> Result<Verdict, Error> {
    let wrong = |error: io::Error| Error::Output(format!("{}: {error}", path.display()));
    receive(path, &mut io::stdin().lock()).map_err(wrong)?;
    Ok(Verdict::Healthy)
}

fn receive(path: &Path, input: &mut impl Read) -> io::Result<()> {
    let mut file = NewFile::create(path, MODE)?;
    let mut part = Vec::new();
    loop {
        let mut length = [0; 4];
        input.read_exact(&mut length)?;
        match u32::from_be_bytes(length) as usize {
            0 => return file.put_in_place(),
            length if length > PART => return Err(io::ErrorKind::InvalidData.into()),
            length => part.resize(length, 0),
        }
        input.read_exact(&mut part)?;
        file.write_all(&part)?;
    }
}

/// A file beside the place that it is for; removed again unless it is put there.
pub(super) struct NewFile {
    dir: OwnedFd,
    name: PathBuf,
    /// What it is called meanwhile.
    meanwhile: PathBuf,
    file: File,
    is_in_place: bool,
}

impl NewFile {
    /// A new file for `path`.
    ///
    /// # Errors
    /// When its directory is reached through a link, which somebody may have put there, or when what is at `path` is neither a file nor a link.
    pub(super) fn create(path: &Path, mode: Mode) -> io::Result<Self> {
        let ends_open = matches!(path.as_os_str().as_bytes(), [.., b'/'] | [.., b'/', b'.']);
        let name = path
            .file_name()
            .filter(|_| !ends_open)
            .ok_or_else(|| io::Error::other("names no file"))?;
        let dir = directory(path.parent().unwrap_or(Path::new("")))?;
        check_replaceable(&dir, name)?;
        // Nobody knows it before, to put something there.
        let meanwhile = format!(".{:016x}.new", RandomState::new().build_hasher().finish());
        let flags =
            OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&dir, &meanwhile, flags, mode)?;
        fchmod(&file, mode)?;
        Ok(Self {
            dir,
            name: name.into(),
            meanwhile: meanwhile.into(),
            file: file.into(),
            is_in_place: false,
        })
    }

    /// Makes it durable and gives it its name.
    ///
    /// # Errors
    /// Those of the disk.
    pub(super) fn put_in_place(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        renameat(&self.dir, &self.meanwhile, &self.dir, &self.name)?;
        self.is_in_place = true;
        Ok(())
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.is_in_place {
            // What stays behind is hidden, nobody else's to read, and never taken for the file.
            let _ = unlinkat(&self.dir, &self.meanwhile, AtFlags::empty());
        }
    }
}

/// Whether `name` may be replaced: a file, or a link, which goes without what it points to; not what stands for a stream.
fn check_replaceable(dir: &OwnedFd, name: &OsStr) -> io::Result<()> {
    const STREAM: &str = "is no file: name another one, or `-` for standard output";
    let found = match statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) => FileType::from_raw_mode(found.st_mode),
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let is_replaceable = match found {
        FileType::RegularFile => true,
        // /dev/stdout and the like: proc(5).
        FileType::Symlink => !readlinkat(dir, name, Vec::new())?
            .as_bytes()
            .starts_with(b"/proc/"),
        _ => false,
    };
    if is_replaceable {
        return Ok(());
    }
    Err(io::Error::other(STREAM))
}

/// The directory at `path`, reached without following any link.
fn directory(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::PATH | OFlags::CLOEXEC;
    let start = if path.is_absolute() { "/" } else { "." };
    let mut dir = openat(CWD, start, flags, Mode::empty())?;
    for part in path.components() {
        if let Component::Normal(_) | Component::ParentDir = part {
            dir = openat(&dir, part.as_os_str(), flags, Mode::empty()).map_err(|error| {
                let part = Path::new(part.as_os_str()).display();
                match error {
                    Errno::LOOP | Errno::NOTDIR => io::Error::other(format!(
                        "{part} on the way to it is a link or no directory: name the directory itself"
                    )),
                    error => io::Error::new(io::Error::from(error).kind(), format!("{part}: {error}")),
                }
            })?;
        }
    }
    Ok(dir)
}
