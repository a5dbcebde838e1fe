//! A real `systemd-journald` for one test: a namespace instance in a private mount namespace, its files and sockets
//! in a temporary directory. Needs root.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const JOURNALD: &str = "/lib/systemd/systemd-journald";
/// The name of the journal namespace.
const NAMESPACE: &str = "shipper";
/// How long journald may take to start or to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Directories that journald sees in place of the host's own.
const MOUNTS: &str = r#"mount --bind "$1/run" /run && mount --bind "$1/log" /var/log && mount --bind "$1/etc" /etc/systemd &&
mount --bind "$1/machine-id" /etc/machine-id && exec "$2" "$3""#;

/// A running journald; dropping it ends it.
#[derive(Debug)]
pub struct Journald {
    dir: tempfile::TempDir,
    child: Child,
}

impl Journald {
    /// Starts one that keeps files of at most `file_bytes` each.
    ///
    /// # Errors
    /// When it cannot be started, without root above all.
    pub fn start(file_bytes: u64) -> io::Result<Self> {
        let dir = tempfile::tempdir()?;
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755))?;
        for name in ["run/systemd", "log/journal", "etc"] {
            fs::create_dir_all(dir.path().join(name))?;
        }
        fs::write(
            dir.path().join("machine-id"),
            "a0000000000000000000000000000001\n",
        )?;
        let config = format!(
            "[Journal]\nStorage=persistent\nRateLimitIntervalSec=0\nSystemMaxFileSize={file_bytes}\nSystemMaxFiles=1000\nSystemMaxUse=4G\nSystemKeepFree=1\n"
        );
        fs::write(
            dir.path().join(format!("etc/journald@{NAMESPACE}.conf")),
            config,
        )?;
        let child = spawn(dir.path())?;
        let mut journald = Self { dir, child };
        journald.wait_for_socket()?;
        Ok(journald)
    }

    fn wait_for_socket(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while UnixStream::connect(self.socket("stdout")).is_err() {
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("journald ended with {status}")));
            }
            if Instant::now() > deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Where its journal files are; journald makes it when it first writes.
    #[must_use]
    pub fn journal_dir(&self) -> PathBuf {
        let name = format!("log/journal/a0000000000000000000000000000001.{NAMESPACE}");
        self.dir.path().join(name)
    }

    fn socket(&self, name: &str) -> PathBuf {
        self.dir
            .path()
            .join(format!("run/systemd/journal.{NAMESPACE}/{name}"))
    }

    /// What systemd connects a unit's standard output to.
    ///
    /// # Errors
    /// When journald is gone.
    pub fn stdout_of(&self, unit: &str) -> io::Result<UnixStream> {
        self.stream(&format!("ollama\n{unit}\n6\n0"))
    }

    /// What systemd connects the standard error of `unit` to, whose lines may begin with a level (`SyslogLevelPrefix=`, the default).
    ///
    /// # Errors
    /// When journald is gone.
    pub fn stderr_of(&self, unit: &str) -> io::Result<UnixStream> {
        self.stream(&format!("shipper\n{unit}\n6\n1"))
    }

    /// A stream of this identifier, unit, priority and level prefix, without any of three kinds of forwarding.
    fn stream(&self, whose: &str) -> io::Result<UnixStream> {
        let mut stream = UnixStream::connect(self.socket("stdout"))?;
        stream.write_all(format!("{whose}\n0\n0\n0\n").as_bytes())?;
        Ok(stream)
    }

    /// Sends one entry through the native socket.
    ///
    /// # Errors
    /// When journald is gone.
    pub fn send(&self, fields: &[(&str, &[u8])]) -> io::Result<()> {
        let mut datagram = Vec::new();
        for (name, value) in fields {
            datagram.extend_from_slice(name.as_bytes());
            datagram.push(b'\n');
            datagram.extend_from_slice(&(value.len() as u64).to_le_bytes());
            datagram.extend_from_slice(value);
            datagram.push(b'\n');
        }
        let socket = UnixDatagram::unbound()?;
        socket.send_to(&datagram, self.socket("socket")).map(drop)
    }

    /// Logs a line that belongs to no unit under test. It comes from another process, since journald believes that
    /// all lines of one process are of one unit.
    ///
    /// # Errors
    /// When `logger` is not installed or fails.
    pub fn log_of_another_unit(&self, line: &str) -> io::Result<()> {
        let status = Command::new("logger")
            .arg("--socket")
            .arg(self.socket("dev-log"))
            .arg(line)
            .status()?;
        match status.success() {
            true => Ok(()),
            false => Err(io::Error::other("logger failed")),
        }
    }

    /// Ends it as a crash would, and starts it again over the same files.
    ///
    /// # Errors
    /// As [`Journald::start`].
    pub fn crash(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        self.child = spawn(self.dir.path())?;
        self.wait_for_socket()
    }

    /// Makes it begin a new file.
    ///
    /// # Errors
    /// When journald is gone.
    pub fn rotate(&self) -> io::Result<()> {
        let status = Command::new("kill")
            .args(["-USR2", &self.child.id().to_string()])
            .status()?;
        match status.success() {
            true => Ok(()),
            false => Err(io::Error::other("journald is gone")),
        }
    }

    /// Deletes all but the newest `keep` files, as journald does to make room.
    ///
    /// # Errors
    /// When `journalctl` fails.
    pub fn vacuum(&self, keep: usize) -> io::Result<()> {
        vacuum(&self.journal_dir(), keep)
    }
}

fn spawn(dir: &Path) -> io::Result<Child> {
    Command::new("unshare")
        .args([
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            MOUNTS,
            "sh",
        ])
        .arg(dir)
        .args([JOURNALD, NAMESPACE])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

fn vacuum(dir: &Path, keep: usize) -> io::Result<()> {
    let output = Command::new("journalctl")
        .arg(format!("--directory={}", dir.display()))
        .arg(format!("--vacuum-files={keep}"))
        .output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )),
    }
}

impl Drop for Journald {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
