//! What a whole process costs, its children included.

use std::fs;
use std::io;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

/// How often peak memory and written bytes are looked at: both only grow, so the last look is what counts.
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 10_000_000,
};

/// What one process took from its start to its end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// From start to end.
    pub(crate) wall: Duration,
    /// User and system, children included; in steps of 10 ms (the kernel's USER_HZ).
    pub(crate) cpu: Duration,
    /// `VmHWM` in kB, without children: anonymous memory and the journal files it had mapped.
    pub(crate) peak_rss_kb: u64,
    /// `write_bytes` of proc_pid_io(5): what it made the block layer write.
    pub(crate) written_bytes: u64,
}

/// Runs `command` to its end.
///
/// # Errors
/// Those of starting it and of looking at it.
pub(crate) fn of(command: &mut Command) -> io::Result<(ExitStatus, Cost)> {
    until(command, || Ok(false))
}

/// Runs `command` until its end or until `done`, which ends it with SIGTERM and is the end of [`Cost::wall`].
///
/// # Errors
/// Those of starting it, of looking at it, and of `done`.
pub(crate) fn until(
    command: &mut Command,
    mut done: impl FnMut() -> io::Result<bool>,
) -> io::Result<(ExitStatus, Cost)> {
    let (start, before) = (Instant::now(), children_cpu()?);
    let mut child = command.spawn()?;
    let mut cost = Cost::default();
    let pid = pid_of(&child)?;
    let ends = pidfd_open(pid, PidfdFlags::empty())?;
    loop {
        look(child.id(), &mut cost);
        cost.wall = start.elapsed();
        if done()? {
            kill_process(pid, Signal::TERM)?;
            break;
        }
        let mut fds = [PollFd::new(&ends, PollFlags::IN)];
        if poll(&mut fds, Some(&LOOK))? > 0 {
            cost.wall = start.elapsed();
            break;
        }
    }
    let status = child.wait()?;
    cost.cpu = children_cpu()?.saturating_sub(before);
    Ok((status, cost))
}

/// Its id, for signals to a child that is not waited for yet.
///
/// # Errors
/// None on Linux, whose ids fit.
pub(crate) fn pid_of(child: &Child) -> io::Result<Pid> {
    let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
    Ok(Pid::from_raw(pid).ok_or(io::ErrorKind::NotFound)?)
}

/// Looks at a process that may have ended meanwhile: then what was seen before stays.
fn look(pid: u32, cost: &mut Cost) {
    let number = |file: &str, name: &str| {
        let text = fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    cost.peak_rss_kb =
        number("status", "VmHWM:").map_or(cost.peak_rss_kb, |kb| kb.max(cost.peak_rss_kb));
    cost.written_bytes = number("io", "write_bytes:").unwrap_or(cost.written_bytes);
}

/// CPU time of the children that this process has waited for.
fn children_cpu() -> io::Result<Duration> {
    ticks("/proc/self/stat", 13)
}

/// Two neighbouring fields of a `stat` file, counted from the one after the name (proc_pid_stat(5)).
fn ticks(path: &str, first: usize) -> io::Result<Duration> {
    let stat = fs::read_to_string(path)?;
    let (_, after_name) = stat.rsplit_once(')').ok_or(io::ErrorKind::InvalidData)?;
    let fields = after_name.split_whitespace().skip(first).take(2);
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 10))
}
