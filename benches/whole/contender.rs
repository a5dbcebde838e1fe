//! Who takes part: the shipper in its modes, what a user would run instead, and the yardstick.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::journal::UNIT;

use crate::{rival, unit};

/// One way to do the work, or the part of it that all others are measured against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    /// `journalctl -o export > /dev/null`: reading alone.
    Yardstick,
    /// `shipper run --once`.
    Shipper(Variant),
    /// syslog-ng with its reliable disk buffer, where the Debian packages `syslog-ng-core` and `syslog-ng-mod-http` are
    /// installed and root can give it the journal.
    SyslogNg,
    /// Fluent Bit with filesystem storage, where `FLUENT_BIT` names its binary.
    FluentBit,
}

/// When a contender's work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// Its process ends.
    ByItself,
    /// It is a daemon: the server has all lines.
    WhenStored,
}

/// How the shipper is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Variant {
    /// The line of the table.
    pub(crate) name: &'static str,
    settings: &'static [(&'static str, &'static str)],
}

/// All that take part, the yardstick first.
pub(crate) const ALL: [Contender; 7] = [
    Contender::Yardstick,
    Contender::Shipper(DEFAULTS),
    Contender::Shipper(WITHOUT_GZIP),
    Contender::Shipper(WITHOUT_INSIGHT),
    Contender::Shipper(Variant {
        name: "shipper, journalctl reader",
        settings: &[("SHIPPER_JOURNAL_READER", "journalctl")],
    }),
    Contender::SyslogNg,
    Contender::FluentBit,
];

/// As it is installed.
pub(crate) const DEFAULTS: Variant = Variant {
    name: "shipper",
    settings: &[],
};

/// The same, with requests as they are.
pub(crate) const WITHOUT_GZIP: Variant = Variant {
    name: "shipper, no gzip",
    settings: &[("SHIPPER_GZIP", "off")],
};

/// The same, without points derived from the lines.
pub(crate) const WITHOUT_INSIGHT: Variant = Variant {
    name: "shipper, insight off",
    settings: &[("SHIPPER_INSIGHT", "off")],
};

impl Contender {
    /// The line of the table.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Yardstick => "journalctl > /dev/null",
            Self::Shipper(variant) => variant.name,
            Self::SyslogNg => "syslog-ng",
            Self::FluentBit => "Fluent Bit",
        }
    }

    /// Whether it can take part on this machine.
    pub(crate) fn is_there(self) -> bool {
        match self {
            Self::Yardstick | Self::Shipper(_) => true,
            Self::SyslogNg => rival::syslog_ng_is_there(),
            Self::FluentBit => rival::fluent_bit().is_some(),
        }
    }

    /// How its end is known.
    pub(crate) const fn ends(self) -> Ends {
        match self {
            Self::Yardstick | Self::Shipper(_) => Ends::ByItself,
            Self::SyslogNg | Self::FluentBit => Ends::WhenStored,
        }
    }

    /// Whether every entry has to be stored as a point of its own.
    pub(crate) const fn promises_all(self) -> bool {
        matches!(self, Self::Shipper(_))
    }

    /// What to run over the journal in `journal`, with `scratch`, an empty directory, for what it keeps.
    ///
    /// # Errors
    /// Those of making files in `scratch`.
    pub(crate) fn command(self, journal: &Path, scratch: &Path, url: &str) -> io::Result<Command> {
        match self {
            Self::Yardstick => Ok(journalctl(journal)),
            Self::Shipper(variant) => {
                let mut command = shipper(journal, scratch, url)?;
                command
                    .envs(variant.settings.iter().copied())
                    .args(["run", "--once"]);
                Ok(command)
            }
            Self::SyslogNg => rival::syslog_ng(journal, scratch, url),
            Self::FluentBit => rival::fluent_bit_command(journal, scratch, url),
        }
    }
}

fn journalctl(journal: &Path) -> Command {
    let mut command = Command::new("journalctl");
    command
        .args(["--no-pager", "-o", "export", "--output-fields=MESSAGE,_PID"])
        .args(["-u", UNIT, "-D"])
        .arg(journal)
        .stdout(Stdio::null());
    command
}

/// The shipper with everything of its own in `scratch`, its allocator set as the unit sets it.
///
/// # Errors
/// Those of making files in `scratch`.
pub(crate) fn shipper(journal: &Path, scratch: &Path, url: &str) -> io::Result<Command> {
    let models: PathBuf = scratch.join("models");
    fs::create_dir_all(models.join("manifests"))?;
    fs::write(scratch.join("config.env"), "")?;
    let built = env!("CARGO_BIN_EXE_shipper");
    let binary = env::var_os("SHIPPER_BINARY").unwrap_or_else(|| built.into());
    let mut command = Command::new(binary);
    command
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .envs(unit::environment())
        .env("INFLUXDB_URL", url)
        .env("INFLUXDB_TOKEN", "token")
        .env("INFLUXDB_ORG", "org")
        .env("INFLUXDB_BUCKET", "bucket")
        .env("OLLAMA_MODELS", models)
        .env("SHIPPER_OLLAMA_URL", "off")
        .env("SHIPPER_JOURNAL_DIR", journal)
        .env("SHIPPER_LOOKBACK", "3650d")
        .env("SHIPPER_SPOOL_DIR", scratch.join("spool"))
        .env("SHIPPER_SPOOL_MAX_BYTES", "16GiB")
        .env("SHIPPER_CONTROL_SOCKET", scratch.join("control.sock"))
        .env("SHIPPER_LOG", "warn")
        .arg("--config")
        .arg(scratch.join("config.env"))
        .stdin(Stdio::null());
    Ok(command)
}
