//! InfluxDB 3 Core. The answers are those of 3.6.0, by test on a server built from source; where other versions differ, from their
//! source. Since when errors leave out a `data` that is null, and a plan that fails is the client's fault, is not known: 3.10 is
//! taken for it here.

mod access;
mod asking;
mod catalog;
mod manage;
mod sql;
mod tables;
mod words;
mod write;

use std::io;
use std::time::Duration;

use serde_json::json;

use super::ask::{Ask, Told};
use super::stand::{Answers, Stand};
use super::tokens::Rights;
use super::version::Version;
use crate::points::Points;
use catalog::State;
use write::Style;

/// A server without any database, and one admin token.
pub struct Strict3 {
    stand: Stand<State>,
}

impl Strict3 {
    /// The admin token.
    pub const TOKEN: &str = "apiv3_a-token-of-the-tests";

    /// A server of this version: `3.6.0`.
    ///
    /// # Errors
    /// No port.
    pub fn start(version: &str) -> io::Result<Self> {
        Self::start_at(0, version)
    }

    /// The same at a port, in the place of another server.
    ///
    /// # Errors
    /// The port is taken.
    pub fn start_at(port: u16, version: &str) -> io::Result<Self> {
        let mut state = State::new(Version::parse(version));
        state.tokens.add(Self::TOKEN, Rights::Full);
        Ok(Self {
            stand: Stand::start(state, port)?,
        })
    }

    /// One that was started without authorization.
    ///
    /// # Errors
    /// No port.
    pub fn start_open(version: &str) -> io::Result<Self> {
        let server = Self::start(version)?;
        server.stand.state().is_open = true;
        Ok(server)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.stand.port()
    }

    /// Ends it: connections are refused.
    pub fn stop(&mut self) {
        self.stand.stop();
    }

    /// Starts it again on the same port, with what it holds.
    ///
    /// # Errors
    /// The port is taken.
    pub fn restart(&mut self) -> io::Result<()> {
        self.stand.restart()
    }

    /// Makes a token known. Core itself has admin tokens alone.
    pub fn add_token(&self, token: &str, rights: Rights) {
        self.stand.state().tokens.add(token, rights);
    }

    /// Makes it as if it had never been.
    pub fn delete_token(&self, token: &str) {
        self.stand.state().tokens.remove(token);
    }

    /// Whether a token is known.
    pub fn knows(&self, token: &str) -> bool {
        self.stand.state().tokens.get(token).is_some()
    }

    /// Sets how many seconds a database shows points; 0 for ever.
    ///
    /// # Panics
    /// When there is none of that name.
    pub fn set_retention(&self, database: &str, seconds: u64) {
        let mut state = self.stand.state();
        let held = state.databases.get_mut(database);
        held.expect("a database").keeps = seconds;
    }

    /// Whether its disk is full.
    pub fn fill_disk(&self, is_full: bool) {
        let words = "object store error: Generic LocalFileSystem error: Unable to copy data to file: No space left on device (os error 28)";
        self.stand.state().wal = is_full.then_some(words);
    }

    /// Whether it is about to end: the WAL is closed.
    pub fn close_wal(&self, is_closed: bool) {
        self.stand.state().wal = is_closed.then_some("wal is shutdown");
    }

    /// Lets every write wait so long for the WAL, up to a second on a real one; requests that are open at once wait together.
    pub fn set_wal_wait(&self, wait: Duration) {
        self.stand.state().wal_wait = wait;
    }

    /// Most requests that were open at once.
    pub fn most_open(&self) -> usize {
        self.stand.most_open()
    }

    /// Removes points as nothing that a real one offers does: rows cannot be deleted there.
    pub fn lose(&self, database: &str, lost: impl Fn(&crate::points::Point) -> bool) {
        if let Some(held) = self.stand.state().databases.get_mut(database) {
            held.points.lose(lost);
        }
    }

    /// Writes line protocol as another writer does, which makes the database.
    ///
    /// # Panics
    /// When it is refused.
    pub fn write(&self, database: &str, lines: &str) {
        let query = format!("db={database}&precision=nanosecond");
        let ask = Ask::post("/api/v3/write_lp", &query, Self::TOKEN, lines);
        let told = self.stand.state().answer(&ask).expect("an answer");
        assert_eq!(told.status, 204, "{}", told.body);
    }

    /// Method and path of each request so far, in order: `POST /write`.
    pub fn targets(&self) -> Vec<String> {
        self.stand.targets()
    }

    /// A look at what a database holds, hidden points too; `None` when there is none of that name.
    pub fn points<T>(&self, database: &str, look: impl FnOnce(&Points) -> T) -> Option<T> {
        let state = self.stand.state();
        state.databases.get(database).map(|held| look(&held.points))
    }
}

impl Answers for State {
    fn answer(&mut self, ask: &Ask) -> Option<Told> {
        let (method, path) = ask.target();
        let style = match (method, path) {
            ("POST", "/api/v3/write_lp") => Some(Style::V3),
            ("POST", "/api/v2/write") => Some(Style::V2),
            ("POST", "/write") => Some(Style::V1),
            _ => None,
        };
        let rights = match access::rights(self, ask) {
            Ok(rights) => rights,
            Err(told) => return Some(told),
        };
        if let Some(style) = style {
            return write::answer(self, ask, rights, style);
        }
        Some(match (method, path) {
            ("GET" | "POST", "/ping") => {
                let version = self.version.to_string();
                let answer =
                    json!({ "version": version, "revision": "stand-in", "process_id": PROCESS });
                Told::json(200, &answer)
            }
            ("GET", "/health") => Told::plain(200, "OK"),
            ("GET" | "POST", "/api/v3/query_sql") => asking::sql(self, ask, rights),
            ("GET" | "POST", "/query") => asking::influxql(self, ask, rights),
            (_, path) if path.starts_with("/api/v3/configure/") => {
                manage::answer(self, ask, rights)
            }
            _ => Told::plain(404, "not found"),
        })
    }
}

/// Bytes of the longest text.
pub(super) fn longest_text(version: Version) -> usize {
    catalog::longest(version).0
}

const PROCESS: &str = "00000000-0000-4000-8000-000000000001";

#[cfg(test)]
mod tests;
