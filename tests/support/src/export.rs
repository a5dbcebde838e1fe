//! What `journalctl` exports: every field of every entry, to hold our own reading against.

use std::ffi::OsStr;
use std::io;
use std::process::Command;

/// The fields of an entry, in order; those that begin with two underscores are its addresses.
pub type Fields = Vec<Vec<u8>>;

/// The entries that `journalctl` exports with these arguments (`--file`, `--directory`, matches).
///
/// # Errors
/// When `journalctl` cannot be run, or its output is not what an export is.
pub fn exported<A: AsRef<OsStr>>(arguments: &[A]) -> io::Result<Vec<Fields>> {
    let mut command = Command::new("journalctl");
    command.args(["-o", "export", "--all", "--no-pager"]);
    let output = command.args(arguments).output()?;
    parse(&output.stdout).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn parse(mut rest: &[u8]) -> Option<Vec<Fields>> {
    let (mut entries, mut entry) = (Vec::new(), Fields::new());
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let line = &rest[..end];
        rest = &rest[end + 1..];
        if line.is_empty() {
            entry.sort();
            entries.push(std::mem::take(&mut entry));
        } else if line.contains(&b'=') {
            entry.push(line.to_vec());
        } else {
            let (bytes, value) = rest.split_first_chunk()?;
            let bytes = usize::try_from(u64::from_le_bytes(*bytes)).ok()?;
            entry.push([line, b"=", value.get(..bytes)?].concat());
            rest = value.get(bytes + 1..)?;
        }
    }
    // systemd 254 and later export two addresses more.
    for entry in &mut entries {
        entry.retain(|field| !field.starts_with(b"__SEQNUM"));
    }
    Some(entries)
}
