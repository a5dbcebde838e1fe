//! The endpoint's process.

use std::env;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};

use support::endpoint::{Endpoint, Keep};

/// What makes this program the endpoint.
pub(crate) const ARGUMENT: &str = "--be-the-sink";

/// A child that is one.
pub(crate) struct Sink {
    child: Child,
    pub(crate) url: String,
}

impl Sink {
    pub(crate) fn start() -> Self {
        let mut child = Command::new(env::current_exe().expect("this program"))
            .arg(ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the sink");
        let mut url = String::new();
        BufReader::with_capacity(1, child.stdout.as_mut().expect("a pipe"))
            .read_line(&mut url)
            .expect("a URL");
        Self {
            child,
            url: url.trim().to_owned(),
        }
    }

    /// Ends it; the lines it has counted.
    pub(crate) fn counted(&mut self) -> u64 {
        drop(self.child.stdin.take());
        let mut counted = String::new();
        let stdout = self.child.stdout.as_mut().expect("a pipe");
        stdout.read_to_string(&mut counted).expect("a count");
        self.child.wait().expect("its end");
        counted.trim().parse().expect("a number")
    }
}

/// Until the end of stdin.
pub(crate) fn run() {
    let endpoint = Endpoint::start().expect("an endpoint");
    endpoint.keep(Keep::Count);
    println!("{}", endpoint.url());
    std::io::stdout().flush().expect("flushed");
    std::io::stdin()
        .read_to_end(&mut Vec::new())
        .expect("the end of stdin");
    println!("{}", endpoint.counted());
}
