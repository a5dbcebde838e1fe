//! A host for end-to-end tests: a directory with everything that the shipper uses, and the real binary on it.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

pub mod proxy;

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Longer than any step takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// State of one host. Nothing of the machine's own configuration reaches the shipper on it.
pub struct Host {
    dir: TempDir,
    settings: Vec<(String, String)>,
}

impl Host {
    /// A host whose InfluxDB is at `url`, speaking `api` with `token`.
    pub fn new(url: &str, api: &str, token: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("models/manifests")).unwrap();
        std::fs::write(dir.path().join("config.env"), "").unwrap();
        let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        let settings = [
            ("INFLUXDB_URL", url.to_owned()),
            ("INFLUXDB_API", api.to_owned()),
            ("INFLUXDB_TOKEN", token.to_owned()),
            ("INFLUXDB_ORG", "org".to_owned()),
            ("INFLUXDB_BUCKET", "logs".to_owned()),
            ("OLLAMA_MODELS", path("models")),
            ("SHIPPER_OLLAMA_URL", "off".to_owned()),
            ("SHIPPER_HOST", "testhost".to_owned()),
            ("SHIPPER_JOURNAL_DIR", path("journal")),
            ("SHIPPER_LOOKBACK", "3650d".to_owned()),
            ("SHIPPER_SPOOL_DIR", path("spool")),
            ("SHIPPER_CONTROL_SOCKET", path("control.sock")),
            ("SHIPPER_RETRY_MIN", "50ms".to_owned()),
            ("SHIPPER_RETRY_MAX", "500ms".to_owned()),
        ];
        let settings = settings.map(|(key, value)| (key.to_owned(), value)).into();
        Self { dir, settings }
    }

    /// Sets one configuration key.
    pub fn set(&mut self, key: &str, value: &str) {
        self.settings.retain(|(name, _)| name != key);
        self.settings.push((key.to_owned(), value.to_owned()));
    }

    /// Removes one configuration key.
    pub fn unset(&mut self, key: &str) {
        self.settings.retain(|(name, _)| name != key);
    }

    /// A path in the host's directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `shipper ARGUMENTS`, words separated by spaces.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shipper"));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(self.settings.iter().map(|(key, value)| (key, value)))
            .arg("--config")
            .arg(self.path("config.env"))
            .args(arguments.split_whitespace())
            .stdin(Stdio::null());
        command
    }

    /// `script` in mounts of its own, which only root can have: `$1` is the host's directory, `$2` and what follows are `shipper`, whose
    /// environment it has.
    pub fn in_private_mounts(&self, shipper: &Command, script: &str) -> Command {
        let environment = shipper.get_envs();
        let mut command = Command::new("unshare");
        command
            .env_clear()
            .envs(environment.filter_map(|(key, value)| Some((key, value?))))
            .args(["--mount", "sh", "-c", script, "sh"])
            .arg(self.path(""))
            .arg(shipper.get_program())
            .args(shipper.get_args());
        command
    }

    /// `bash -c SCRIPT` in the host's directory, with `shipper` on its path.
    pub fn shell(&self, script: &str) -> Command {
        let shipper = PathBuf::from(env!("CARGO_BIN_EXE_shipper"));
        let mut path = shipper.parent().unwrap().as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let mut command = Command::new("bash");
        command
            .env_clear()
            .env("PATH", path)
            .envs(self.settings.iter().map(|(key, value)| (key, value)))
            .args(["-c", script])
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs `shipper ARGUMENTS` to its end.
    pub fn run(&self, arguments: &str) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs `shipper ARGUMENTS`, which must succeed, and returns its standard output.
    pub fn succeed(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{arguments}: {} {errors}",
            output.status
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts `shipper ARGUMENTS`, its log in `shipper.log`; it is killed with the value.
    pub fn start(&self, arguments: &str) -> Running {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.path("shipper.log"));
        Running(
            self.command(arguments)
                .stderr(log.unwrap())
                .spawn()
                .unwrap(),
        )
    }

    /// `spool stats --json`.
    pub fn stats(&self) -> Value {
        serde_json::from_str(&self.succeed("spool stats --json")).unwrap()
    }

    /// A number of the ledger.
    pub fn ledger(&self, name: &str) -> u64 {
        self.stats()["spool"]["ledger"][name].as_u64().unwrap()
    }

    /// Waits until the running service answers and `reached` holds of its stats.
    pub fn until(&self, what: &str, reached: impl Fn(&Value) -> bool) {
        wait_until(what, || {
            let output = self.run("spool stats --json");
            let stats = serde_json::from_slice::<Value>(&output.stdout);
            stats.is_ok_and(|stats| !stats["service"].is_null() && reached(&stats))
        });
    }
}

/// The beginning of a script for [`Host::in_private_mounts`]: a file system that nobody serves over `dir` of the host, as a network mount
/// whose server is gone; whoever looks into it waits for ever. Exits with 99 when it cannot be mounted; `None` where nobody can mount.
pub fn hang(dir: &str) -> Option<String> {
    let can = rustix::process::geteuid().is_root() && std::fs::exists("/dev/fuse").unwrap();
    if !can {
        support::loud("SKIPPED: a mount that hangs needs root and FUSE");
        return None;
    }
    Some(format!(
        "exec 3<>/dev/fuse &&\nmount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 none \"$1/{dir}\" || exit 99\n"
    ))
}

/// Waits for `reached`, at most [`PATIENCE`].
pub fn wait_until(what: &str, mut reached: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !reached() {
        assert!(Instant::now() < deadline, "gave up waiting until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A running shipper.
pub struct Running(pub Child);

impl Running {
    /// SIGKILL, as a crash.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// SIGTERM, as systemd; it must end well.
    pub fn terminate(mut self) -> Duration {
        let started = Instant::now();
        let pid = rustix::process::Pid::from_raw(self.0.id().cast_signed()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let status = self.0.wait().unwrap();
        assert!(status.success(), "after SIGTERM: {status}");
        started.elapsed()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
