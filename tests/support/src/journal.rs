//! Journal entries in export format, and real journal files made of them by `systemd-journal-remote`.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// Where Debian's package of the same name puts the converter.
const REMOTE: &str = "/lib/systemd/systemd-journal-remote";
/// 2025-09-21, in microseconds since the Unix epoch: when the generated entries begin.
pub const BEGIN: u64 = 1_758_400_000_000_000;
/// The boot that entries belong to unless told otherwise.
pub const BOOT: &str = "b0000000000000000000000000000001";
/// The unit of most entries.
pub const UNIT: &str = "ollama.service";

/// One journal entry: addresses and fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Microseconds since the Unix epoch.
    pub realtime: u64,
    /// Microseconds since the boot.
    pub monotonic: u64,
    /// 32 hexadecimal digits.
    pub boot: String,
    /// Names and values, in order.
    pub fields: Vec<(String, Vec<u8>)>,
}

impl Entry {
    /// An entry of a boot that began at [`BEGIN`], with the fields that every entry of journald has.
    #[must_use]
    pub fn new(realtime: u64) -> Self {
        Self {
            realtime,
            monotonic: realtime.saturating_sub(BEGIN),
            boot: BOOT.to_owned(),
            fields: Vec::new(),
        }
        .with("_MACHINE_ID", "a0000000000000000000000000000001")
        .with("_HOSTNAME", "gpu1")
        .with("_TRANSPORT", "stdout")
    }

    /// A line that Ollama wrote.
    #[must_use]
    pub fn line(realtime: u64, message: impl AsRef<[u8]>) -> Self {
        Self::of_unit(realtime, UNIT, message)
    }

    /// A line that `unit` wrote.
    #[must_use]
    pub fn of_unit(realtime: u64, unit: &str, message: impl AsRef<[u8]>) -> Self {
        Self::new(realtime)
            .with("PRIORITY", "6")
            .with("SYSLOG_FACILITY", "3")
            .with("SYSLOG_IDENTIFIER", "ollama")
            .with("_PID", "4711")
            .with("_UID", "997")
            .with("_GID", "997")
            .with("_COMM", "ollama")
            .with("_EXE", "/usr/local/bin/ollama")
            .with("_CMDLINE", "/usr/local/bin/ollama serve")
            .with("_CAP_EFFECTIVE", "0")
            .with("_SELINUX_CONTEXT", "unconfined\n")
            .with("_SYSTEMD_CGROUP", format!("/system.slice/{unit}"))
            .with("_SYSTEMD_UNIT", unit)
            .with("_SYSTEMD_SLICE", "system.slice")
            .with("_SYSTEMD_INVOCATION_ID", "c0000000000000000000000000000001")
            .with("_STREAM_ID", "d0000000000000000000000000000001")
            .with("MESSAGE", message)
    }

    /// What systemd says about Ollama's unit: "Started ollama.service".
    #[must_use]
    pub fn about(realtime: u64, message: &str) -> Self {
        Self::new(realtime)
            .with("PRIORITY", "6")
            .with("_PID", "1")
            .with("_UID", "0")
            .with("_SYSTEMD_UNIT", "init.scope")
            .with("UNIT", UNIT)
            .with("MESSAGE", message)
    }

    /// Adds a field.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.fields.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Removes all fields of a name.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(field, _)| field != name);
        self
    }

    /// Moves the entry to another boot, so long after its begin.
    #[must_use]
    pub fn in_boot(mut self, boot: &str, monotonic: u64) -> Self {
        boot.clone_into(&mut self.boot);
        self.monotonic = monotonic;
        self
    }

    /// Its message as text, the first one when there are several.
    #[must_use]
    pub fn message(&self) -> String {
        self.shipped_messages().next().unwrap_or_default()
    }

    /// The message as InfluxDB shall have it: several joined by newlines; `None` for an entry without one, which is
    /// shipped as JSON.
    #[must_use]
    pub fn shipped_message(&self) -> Option<String> {
        let messages: Vec<String> = self.shipped_messages().collect();
        (!messages.is_empty()).then(|| messages.join("\n"))
    }

    fn shipped_messages(&self) -> impl Iterator<Item = String> {
        let messages = self.fields.iter().filter(|(name, _)| name == "MESSAGE");
        messages.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    }

    /// Writes the entry in journal export format.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "__REALTIME_TIMESTAMP={}", self.realtime)?;
        writeln!(out, "__MONOTONIC_TIMESTAMP={}", self.monotonic)?;
        writeln!(out, "_BOOT_ID={}", self.boot)?;
        for (name, value) in &self.fields {
            // Text without control characters may stand on one line; everything else is given by its length.
            let plain =
                std::str::from_utf8(value).is_ok_and(|text| !text.contains(char::is_control));
            out.write_all(name.as_bytes())?;
            if plain {
                out.write_all(b"=")?;
            } else {
                out.write_all(b"\n")?;
                out.write_all(&(value.len() as u64).to_le_bytes())?;
            }
            out.write_all(value)?;
            out.write_all(b"\n")?;
        }
        out.write_all(b"\n")
    }
}

/// Makes the journal file `path` of `entries`, which must be in order of time.
///
/// # Errors
/// When `systemd-journal-remote` is not installed (package of the same name) or fails.
pub fn write_journal(path: &Path, entries: impl IntoIterator<Item = Entry>) -> io::Result<()> {
    write_journal_as(path, &[], entries)
}

/// The same, with variables that choose the file's variant: `SYSTEMD_JOURNAL_COMPACT`, `SYSTEMD_JOURNAL_KEYED_HASH`.
///
/// # Errors
/// As [`write_journal`].
pub fn write_journal_as(
    path: &Path,
    environment: &[(&str, &str)],
    entries: impl IntoIterator<Item = Entry>,
) -> io::Result<()> {
    let mut child = Command::new(REMOTE)
        .envs(environment.iter().copied())
        .arg("-o")
        .arg(path)
        .arg("-")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let stdin = child.stdin.take();
    let mut out = io::BufWriter::with_capacity(1 << 16, stdin.ok_or(io::ErrorKind::BrokenPipe)?);
    for entry in entries {
        entry.write(&mut out)?;
    }
    out.flush()?;
    drop(out);
    let output = child.wait_with_output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )),
    }
}

/// `count` lines of Ollama as they come: requests in bursts that share a timestamp, equal lines among them.
pub fn busy(count: usize) -> impl Iterator<Item = Entry> {
    (0..count).map(|number| {
        let burst = (number / 20) as u64;
        let message = match number % 5 {
            0 => "llama_model_loader: - kv   0: general.architecture str = llama".to_owned(),
            1 => "[GIN] 2025/09/21 - 00:00:00 | 200 |  1.2778ms | 127.0.0.1 | POST \"/api/chat\"".to_owned(),
            _ => format!(
                "time=2025-09-21T00:00:00.000Z level=INFO source=sched.go:{number} msg=\"new model will fit\""
            ),
        };
        Entry::line(BEGIN + burst * 50_000, message)
    })
}

/// `count` lines of Ollama on a host that is used: eleven of twenty are requests, each of which gives a point of its own. The
/// same lines at every call.
pub fn requests(count: usize) -> impl Iterator<Item = Entry> {
    const ROUTES: [&str; 5] = [
        "/api/chat",
        "/api/generate",
        "/v1/chat/completions",
        "/api/embed",
        "/v1/messages?beta=true",
    ];
    (0..count).map(|number| {
        // Fibonacci hashing spreads neighbouring numbers: neither times nor clients form a pattern that gzip would find.
        let spread = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let message = match number % 20 {
            place if place % 2 == 0 || place == 19 => {
                let took = match spread % 4 {
                    0 => format!("{}.{:03}\u{b5}s", spread % 900 + 20, spread % 997),
                    1 | 2 => format!("{}.{:06}ms", spread % 900 + 1, spread % 999_983),
                    _ => format!("{}.{:09}s", spread % 59 + 1, spread % 999_999_937),
                };
                let (status, method) = match spread % 32 {
                    0 => (500, "POST"),
                    1 => (404, "GET "),
                    _ => (200, "POST"),
                };
                let (client, route) = (spread % 250 + 2, ROUTES[number % ROUTES.len()]);
                format!(
                    "[GIN] 2025/09/21 - 00:00:00 | {status} | {took:>13} | {:>15} | {method}     \"{route}\"",
                    format!("192.168.0.{client}")
                )
            }
            1 | 3 => format!(
                "llama_model_loader: - kv  {:>2}: general.architecture str = llama",
                spread % 40
            ),
            _ => format!(
                "time=2025-09-21T00:00:00.000Z level=INFO source=sched.go:{} msg=\"new model will fit\" request={number}",
                spread % 900
            ),
        };
        Entry::line(BEGIN + number as u64 / 20 * 50_000, message)
    })
}

/// `count` entries of a host on which every fifth line is Ollama's.
pub fn mixed(count: usize) -> impl Iterator<Item = Entry> {
    busy(count).enumerate().map(|(number, entry)| {
        if number % 5 == 0 {
            return entry;
        }
        let unit = ["nginx.service", "sshd.service", "cron.service"][number % 3];
        Entry::of_unit(entry.realtime, unit, entry.message())
    })
}

/// One entry of each kind that journals hold.
#[must_use]
pub fn every_kind() -> Vec<Entry> {
    let at = |step: u64| BEGIN + step * 1_000;
    let mut entries = vec![
        Entry::about(at(0), "Started ollama.service - Ollama Service."),
        Entry::line(at(1), "plain"),
        Entry::of_unit(at(1), "nginx.service", "another unit"),
        Entry::line(
            at(2),
            "quotes \" backslashes \\ commas, equals = and ünïcödé 🦙",
        ),
        Entry::line(at(3), "two\nlines\n"),
        Entry::line(at(4), b"\xff\xfe not UTF-8 \x80"),
        Entry::line(at(5), b"NUL \0 inside"),
        Entry::line(at(6), "\u{1b}[97;42m 200 \u{1b}[0m ANSI"),
        Entry::line(at(7), ""),
        Entry::line(at(8), "x".repeat(200_000)),
        Entry::line(at(9), "first of two")
            .without("_TRANSPORT")
            .with("_TRANSPORT", "journal")
            .with("MESSAGE", "second of two"),
        Entry::line(at(10), "gone")
            .without("MESSAGE")
            .with("BINARY", b"\xff\0\n"),
        Entry::line(at(11), "no pid")
            .without("_PID")
            .without("PRIORITY"),
        Entry::line(at(12), "odd priority")
            .without("PRIORITY")
            .with("PRIORITY", "warning"),
        Entry::new(at(13))
            .with("_UID", "0")
            .with("_PID", "99")
            .with("_SYSTEMD_UNIT", "systemd-coredump@0.service")
            .with("COREDUMP_UNIT", UNIT)
            .with("MESSAGE_ID", "fc2e22bc6ee647b6b90729ab34a250b1")
            .with("MESSAGE", "Process 4711 (ollama) dumped core."),
        Entry::new(at(14))
            .with("_UID", "0")
            .with("_SYSTEMD_UNIT", "dbus.service")
            .with("OBJECT_SYSTEMD_UNIT", UNIT)
            .with("MESSAGE", "someone speaks of it"),
        Entry::of_unit(at(15), "evil.service", "pretends").with("UNIT", UNIT),
    ];
    entries.extend((0..68).map(|_| Entry::line(at(20), "equal lines of one read")));
    entries.push(Entry::about(
        at(21),
        "Stopped ollama.service - Ollama Service.",
    ));
    entries
}
