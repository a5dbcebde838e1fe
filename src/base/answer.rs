//! What a program of the host answers to a question, such as `systemctl show`.

use std::process::{Command, Stdio};

/// What `program` writes to its standard output, trimmed; `None` when it is not there, fails, or says nothing.
#[must_use]
pub(crate) fn answer(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
