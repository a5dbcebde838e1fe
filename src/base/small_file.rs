//! Files of settings and secrets, whoever put what in their place.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};

/// More than any configuration, token or bundle of certificates has, in bytes.
const LONGEST: u64 = 4 << 20;
/// Names of what this process was given open; nobody else puts anything there: proc(5).
const GIVEN: [&str; 3] = ["/dev/fd", "/dev/stdin", "/proc/self/fd"];

/// The content of the file at `path`. A pipe in its place keeps nobody waiting, a device gives nothing.
///
/// # Errors
/// Those of reading it; also when it is no regular file, or has more than 4 MiB.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(open(path, flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("is not a regular file"));
    }
    bounded(file)
}

/// The same of a file that may also be a stream this process was given: `/dev/stdin`, or `<(…)` of a shell.
///
/// # Errors
/// Those of [`read`].
pub(crate) fn read_given(path: &Path) -> io::Result<Vec<u8>> {
    match GIVEN.iter().any(|given| path.starts_with(given)) {
        true => bounded(File::open(path)?),
        false => read(path),
    }
}

fn bounded(file: File) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut content)?;
    match content.len() as u64 > LONGEST {
        true => Err(io::ErrorKind::FileTooLarge.into()),
        false => Ok(content),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use rustix::fs::{CWD, FileType, mknodat};

    use super::*;

    #[test]
    fn only_a_regular_file_of_some_megabytes_is_read_and_nothing_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("file"), "text").unwrap();
        std::os::unix::fs::symlink("file", path("link")).unwrap();
        assert_eq!(read(&path("file")).unwrap(), b"text");
        assert_eq!(read_given(&path("link")).unwrap(), b"text");
        mknodat(CWD, path("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        let _socket = UnixListener::bind(path("socket")).unwrap();
        let large = File::create(path("large")).unwrap();
        large.set_len(LONGEST + 1).unwrap();
        let wrong = ["pipe", "socket", "large", "missing", "."].map(path);
        for path in wrong.iter().map(std::path::PathBuf::as_path).chain([
            Path::new("/dev/zero"),
            Path::new("/dev/null"),
            Path::new("/dev/tty"),
        ]) {
            assert!(read(path).is_err() && read_given(path).is_err(), "{path:?}");
        }
    }

    #[test]
    fn a_stream_that_this_process_was_given_is_read_to_its_end() {
        use std::io::Write as _;
        use std::os::fd::AsRawFd as _;
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"text").unwrap();
        drop(writer);
        let path = format!("/dev/fd/{}", reader.as_raw_fd());
        assert_eq!(read_given(Path::new(&path)).unwrap(), b"text");
    }
}
