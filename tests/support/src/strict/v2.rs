//! InfluxDB 2.x. The answers are those of 2.9.1, by test on a server built from source; where earlier ones differ, from their source.

mod access;
mod asking;
mod manage;
mod shards;
mod state;
mod words;
mod write;

use std::io;

use super::stand::{Answers, Stand};
use super::tokens::Rights;
use super::version::Version;
use crate::points::Points;
use state::State;

/// Name of the organisation that every stand-in has.
const ORG: &str = "org";

/// A bucket that is to be.
#[derive(Clone, Debug)]
pub struct Bucket2 {
    /// Its name.
    pub name: String,
    /// Seconds that it keeps points; 0 for ever.
    pub keeps: u64,
    /// Seconds of a shard, which is the unit of field types, of numbers in answers and of deletion.
    pub shard: u64,
}

impl Bucket2 {
    /// One that keeps points for ever, in shards of a week.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            keeps: 0,
            shard: 7 * 86_400,
        }
    }
}

/// A 2.x server with the organisation `org`, the bucket `logs`, and one token that may do everything.
pub struct Strict2 {
    stand: Stand<State>,
}

impl Strict2 {
    /// The token that may do everything.
    pub const TOKEN: &str = "a-token-of-the-tests";

    /// 2.9.1.
    ///
    /// # Errors
    /// No port.
    pub fn start() -> io::Result<Self> {
        Self::start_as("2.9.1")
    }

    /// Another version.
    ///
    /// # Errors
    /// No port.
    pub fn start_as(version: &str) -> io::Result<Self> {
        let mut state = State::new(Version::parse(version));
        state.tokens.add(Self::TOKEN, Rights::Full);
        state.create(Bucket2::named("logs"));
        Ok(Self {
            stand: Stand::start(state, 0)?,
        })
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.stand.port()
    }

    /// Ends it: connections are refused.
    pub fn stop(&mut self) {
        self.stand.stop();
    }

    /// Starts it again on the same port, with what it holds. Shards that could not be opened are tried again.
    ///
    /// # Errors
    /// The port is taken.
    pub fn restart(&mut self) -> io::Result<()> {
        self.stand.stop();
        self.stand.state().reopen();
        self.stand.restart()
    }

    /// Makes a bucket, whose id this returns.
    pub fn create_bucket(&self, bucket: Bucket2) -> String {
        self.stand.state().create(bucket)
    }

    /// Sets how many seconds a bucket keeps points, 0 for ever, and those of a shard.
    pub fn set_retention(&self, bucket: &str, keeps: u64, shard: u64) {
        self.stand.state().set_retention(bucket, keeps, shard);
    }

    /// Maps a database and a policy of 1.x to a bucket, for requests without a policy too.
    pub fn map(&self, database: &str, policy: &str, bucket: &str) {
        let mapping = [database, policy, bucket].map(str::to_owned);
        self.stand.state().mappings.push(mapping);
    }

    /// Makes a token known.
    pub fn add_token(&self, token: &str, rights: Rights) {
        self.stand.state().tokens.add(token, rights);
    }

    /// Makes it as if it had never been.
    pub fn delete_token(&self, token: &str) {
        self.stand.state().tokens.remove(token);
    }

    /// Makes it inactive.
    pub fn switch_off_token(&self, token: &str) {
        self.stand.state().tokens.switch_off(token);
    }

    /// Whether its disk has no room for another shard.
    pub fn fill_disk(&self, is_full: bool) {
        self.stand.state().disk_is_full = is_full;
    }

    /// Words of a trouble of the server's own, which every write is answered with: `timeout`, `engine is closed`.
    pub fn set_trouble(&self, words: Option<&str>) {
        self.stand.state().trouble = words.map(str::to_owned);
    }

    /// Whether the shards that there are are being deleted.
    pub fn delete_shards(&self, are_deleted: bool) {
        self.stand.state().shards_are_deleted = are_deleted;
    }

    /// Writes line protocol as another writer does.
    ///
    /// # Panics
    /// When it is refused.
    pub fn write(&self, bucket: &str, lines: &str) {
        let query = format!("org={ORG}&bucket={bucket}&precision=ns");
        let ask = super::ask::Ask::post("/api/v2/write", &query, Self::TOKEN, lines);
        let told = self.stand.state().answer(&ask).expect("an answer");
        assert_eq!(told.status, 204, "{}", told.body);
    }

    /// Method and path of each request so far, in order: `POST /write`.
    pub fn targets(&self) -> Vec<String> {
        self.stand.targets()
    }

    /// A look at what a bucket holds.
    ///
    /// # Panics
    /// When there is none of that name.
    pub fn points<T>(&self, bucket: &str, look: impl FnOnce(&Points) -> T) -> T {
        let state = self.stand.state();
        look(&state.bucket(bucket).expect("a bucket").points)
    }
}

impl Answers for State {
    fn answer(&mut self, ask: &super::ask::Ask) -> Option<super::ask::Told> {
        let mut told = match ask.target() {
            ("GET" | "HEAD", "/ping") => super::ask::Told::empty(204),
            ("POST", "/api/v2/write") => write::v2(self, ask),
            ("POST", "/write") => write::v1(self, ask),
            ("POST", "/api/v2/query") => asking::flux(self, ask),
            ("GET" | "POST", "/query") => asking::influxql(self, ask),
            ("GET", "/api/v2/buckets") => asking::buckets(self, ask),
            _ => manage::answer(self, ask),
        };
        let version = format!("v{}", self.version);
        told.headers.push(("X-Influxdb-Version", version));
        told.headers.push(("X-Influxdb-Build", "OSS".to_owned()));
        Some(told)
    }
}

#[cfg(test)]
mod tests;
