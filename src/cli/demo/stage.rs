//! What the demo plays with: the service as a child process, and what the viewer sees.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use super::endpoint::Endpoint;
use crate::base::terminal::{Safe, Stream, say};
use crate::cli::Error;
use crate::counters::stats::Ledger;
use crate::operate::{Answer, ControlRequest};
use crate::service::control;

/// The token of the demo's endpoint; no secret.
pub(super) const TOKEN: &str = "demo";
/// How often a condition is looked at.
const GLANCE: Duration = Duration::from_millis(50);

/// The service in a child process, which dies with the demo.
pub(super) struct Service {
    child: Child,
    socket: PathBuf,
    spool_dir: PathBuf,
}

impl Service {
    /// Starts it on the state in `directory`.
    pub(super) fn start(directory: &Path, url: &str, started_at: u64) -> io::Result<Self> {
        let socket = directory.join("control.sock");
        let spool_dir = directory.join("spool");
        let models_dir = directory.join("models");
        std::fs::create_dir_all(models_dir.join("manifests"))?;
        let no_file = directory.join("config.env");
        std::fs::write(&no_file, "")?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--config").arg(no_file);
        for (key, value) in [
            ("INFLUXDB_URL", url),
            ("INFLUXDB_ORG", "demo"),
            ("INFLUXDB_BUCKET", "demo"),
            ("INFLUXDB_API", "v2"),
            ("OLLAMA_MODELS", &models_dir.to_string_lossy()),
            ("SHIPPER_OLLAMA_URL", "off"),
            ("SHIPPER_SPOOL_DIR", &spool_dir.to_string_lossy()),
            ("SHIPPER_CONTROL_SOCKET", &socket.to_string_lossy()),
            ("SHIPPER_BATCH_LINES", "1000"),
            ("SHIPPER_BATCH_LINGER", "100ms"),
            ("SHIPPER_RETRY_MIN", "100ms"),
            ("SHIPPER_RETRY_MAX", "1s"),
            ("SHIPPER_LOG", "error"),
        ] {
            command.arg("--set").arg(format!("{key}={value}"));
        }
        let child = command
            .env("INFLUXDB_TOKEN", TOKEN)
            .arg("demo-service")
            .arg(format!("--started-at={started_at}"))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self {
            child,
            socket,
            spool_dir,
        })
    }

    /// Waits until it has spooled `entries`.
    pub(super) async fn until_read(
        &mut self,
        entries: u64,
        patience: Duration,
    ) -> Result<(), Error> {
        self.until(patience, |ledger| ledger.read >= entries)
            .await?;
        Ok(())
    }

    /// Waits until nothing is pending.
    pub(super) async fn until_drained(&mut self, patience: Duration) -> Result<Ledger, Error> {
        self.until(patience, |ledger| ledger.pending == 0).await
    }

    async fn until(
        &mut self,
        patience: Duration,
        reached: impl Fn(&Ledger) -> bool,
    ) -> Result<Ledger, Error> {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Err(Error::Demo(format!("the service ended: {status}")));
            }
            let answer = control::ask(&self.socket, &self.spool_dir, ControlRequest::Stats).await?;
            if let Some(Answer::Stats(stats)) = answer
                && reached(&stats.spool.ledger)
            {
                return Ok(stats.spool.ledger);
            }
            sleep(GLANCE).await;
        }
        Err(Error::Demo("the service made no progress".to_owned()))
    }

    /// Ends it without warning, as a crash does.
    pub(super) async fn kill(mut self) -> io::Result<()> {
        self.child.kill().await
    }

    /// Ends it as systemd does.
    pub(super) async fn stop(mut self) -> Result<(), Error> {
        let id = self
            .child
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(id) = id {
            kill_process(id, Signal::TERM).map_err(io::Error::from)?;
        }
        let patience = Duration::from_secs(15);
        match timeout(patience, self.child.wait()).await {
            Ok(status) => match status? {
                status if status.success() => Ok(()),
                status => Err(Error::Demo(format!(
                    "the service failed while stopping: {status}"
                ))),
            },
            Err(_) => Err(Error::Demo("the service did not stop".to_owned())),
        }
    }
}

/// A bar on a terminal, plain lines elsewhere.
pub(super) struct DemoProgress {
    bar: ProgressBar,
    plain: bool,
}

impl DemoProgress {
    pub(super) fn new(entries: u64) -> Self {
        let plain = !Stream::Err.is_screen();
        let target = if plain {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(Some(entries), target);
        let template = "{bar:40} {pos}/{len} points in InfluxDB  {per_sec}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar, plain }
    }

    pub(super) fn say(&self, text: &str) -> io::Result<()> {
        if self.plain {
            return say(text);
        }
        self.bar.println(Safe::line(text).as_str());
        Ok(())
    }

    /// Shows the points stored until `reached`.
    pub(super) async fn until(
        &self,
        endpoint: &Endpoint,
        patience: Duration,
        reached: impl Fn() -> bool,
    ) -> Result<(), Error> {
        let deadline = Instant::now() + patience;
        while !reached() {
            if Instant::now() > deadline {
                return Err(Error::Demo("points stopped arriving".to_owned()));
            }
            self.bar.set_position(endpoint.tally().log_points as u64);
            sleep(GLANCE).await;
        }
        self.bar.set_position(endpoint.tally().log_points as u64);
        Ok(())
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
