//! The server of the measurements: a process of its own that answers 204 at once and counts afterwards.

use std::env;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use support::endpoint::{Endpoint, Keep, Tally};

/// The argument that makes this program the endpoint.
pub(crate) const ARGUMENT: &str = "--be-the-sink";

const TALLY: &str = "tally";
const LINES: &str = "lines";

/// The endpoint's process.
pub(crate) struct Sink {
    child: Child,
    ask: Option<ChildStdin>,
    answer: BufReader<ChildStdout>,
    /// Its `INFLUXDB_URL`.
    pub(crate) url: String,
}

impl Sink {
    /// Starts it on a free loopback port.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn start() -> io::Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .arg(ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let ask = child.stdin.take();
        let answer = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut sink = Self {
            child,
            ask,
            answer: BufReader::new(answer),
            url: String::new(),
        };
        sink.url = sink.line()?;
        Ok(sink)
    }

    /// What arrived since the last time it was asked.
    ///
    /// # Errors
    /// When something that is not line protocol arrived.
    pub(crate) fn tally(&mut self) -> io::Result<Tally> {
        let line = self.ask(TALLY)?;
        let mut numbers = line.split(' ').map(str::parse);
        let mut number = || {
            let number = numbers.next().ok_or(io::ErrorKind::UnexpectedEof)?;
            number.map_err(io::Error::other)
        };
        Ok(Tally {
            lines: number()?,
            distinct_logs: number()?,
            wire_bytes: number()?,
            line_bytes: number()?,
        })
    }

    /// Newlines of the bodies that came uncompressed since the last tally.
    ///
    /// # Errors
    /// When the endpoint is gone.
    pub(crate) fn lines_so_far(&mut self) -> io::Result<u64> {
        self.ask(LINES)?.parse().map_err(io::Error::other)
    }

    fn ask(&mut self, question: &str) -> io::Result<String> {
        let ask = self.ask.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        writeln!(ask, "{question}")?;
        self.line()
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.answer.read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        drop(self.ask.take());
        // It ends by itself at the end of its input.
        let _ = self.child.wait();
    }
}

/// The endpoint itself, until the end of stdin.
///
/// # Errors
/// Those of its pipes, and a body that is not line protocol.
pub(crate) fn run() -> io::Result<()> {
    let endpoint = Endpoint::start()?;
    endpoint.keep(Keep::Bodies);
    let mut out = io::stdout();
    writeln!(out, "{}", endpoint.url())?;
    for line in io::stdin().lines() {
        if line? == LINES {
            writeln!(out, "{}", endpoint.newlines())?;
            continue;
        }
        let tally = endpoint.tally()?;
        let Tally {
            lines,
            distinct_logs,
            wire_bytes,
            line_bytes,
        } = tally;
        writeln!(out, "{lines} {distinct_logs} {wire_bytes} {line_bytes}")?;
    }
    Ok(())
}
