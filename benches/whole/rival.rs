//! What a user would run instead, set up to lose as little as it can.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::journal::UNIT;

/// Whether syslog-ng and its HTTP destination are installed and its journal can be mounted.
pub(crate) fn syslog_ng_is_there() -> bool {
    let module = fs::read_dir("/usr/lib/syslog-ng").is_ok_and(|mut versions| {
        versions
            .any(|version| version.is_ok_and(|version| version.path().join("libhttp.so").exists()))
    });
    module && rustix::process::getuid().is_root() && fs::exists("/etc/machine-id").unwrap_or(false)
}

/// syslog-ng reads this host's journal and no other: a mount namespace of its own puts `journal` in that place.
pub(crate) fn syslog_ng(journal: &Path, scratch: &Path, url: &str) -> io::Result<Command> {
    let config = scratch.join("syslog-ng.conf");
    let dir = scratch.display();
    // Every message over one line and with quotes would need a template function that escapes: these have neither.
    let text = format!(
        r#"@version: 3.38
source s {{ systemd-journal(prefix(".journald.") host-override("bench")); }};
filter f {{ match("{UNIT}" value(".journald._SYSTEMD_UNIT") type(string)); }};
destination d {{
  http(
    url("{url}/api/v2/write?org=org&bucket=bucket&precision=us") method("POST") headers("Authorization: Token token")
    body("ollama_logs,host=${{HOST}},source=systemd message=\"$(replace-delimiter '\"' '_' ${{MESSAGE}})\" ${{S_UNIXTIME}}${{S_USEC}}")
    batch-lines(5000) batch-timeout(1000) delimiter("\n") workers(1)
    disk-buffer(reliable(yes) disk-buf-size(1073741824) mem-buf-size(67108864) dir("{dir}"))
  );
}};
log {{ source(s); filter(f); destination(d); flags(flow-control); }};
"#
    );
    fs::write(&config, text)?;
    let machine = fs::read_to_string("/etc/machine-id")?;
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c"])
        .arg(
            "mount -t tmpfs tmpfs /var/log && mkdir -p /var/log/journal/$1 && mount --bind \"$2\" /var/log/journal/$1 && \
             exec syslog-ng -F --no-caps -f \"$3/syslog-ng.conf\" -R \"$3/persist\" -p \"$3/pid\" -c \"$3/ctl\"",
        )
        .args(["sh", machine.trim()])
        .arg(journal)
        .arg(scratch)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Ok(command)
}

/// The binary that `FLUENT_BIT` names.
pub(crate) fn fluent_bit() -> Option<PathBuf> {
    env::var_os("FLUENT_BIT").map(PathBuf::from)
}

/// Fluent Bit with filesystem storage, every chunk synced.
pub(crate) fn fluent_bit_command(journal: &Path, scratch: &Path, url: &str) -> io::Result<Command> {
    let port = url.rsplit(':').next().unwrap_or_default();
    let (scratch_dir, journal_dir) = (scratch.display(), journal.display());
    let config = scratch.join("fluent-bit.conf");
    let text = format!(
        "[SERVICE]
    flush 1
    storage.path {scratch_dir}/storage
    storage.sync full
    storage.checksum on
[INPUT]
    name systemd
    path {journal_dir}
    systemd_filter _SYSTEMD_UNIT={UNIT}
    db {scratch_dir}/cursor.db
    read_from_tail off
    max_entries 5000
    storage.type filesystem
    tag ollama_logs
[OUTPUT]
    name influxdb
    match *
    host localhost
    port {port}
    org org
    bucket bucket
    http_token token
    sequence_tag _seq
    retry_limit no_limits
"
    );
    fs::write(&config, text)?;
    let binary = fluent_bit().ok_or(io::ErrorKind::NotFound)?;
    let mut command = Command::new(binary);
    command
        .arg("-c")
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Ok(command)
}
