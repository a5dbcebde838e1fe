//! InfluxDB 3.x: a server of somebody's, or the stand-in.

use std::env;
use std::io;
use std::ops::Range;
use std::sync::Once;

use super::api3::Api3;
use super::{Server, address_of, influxql, named, own_name};
use crate::strict::Strict3;

/// The version of the stand-in where a test names none.
const VERSION: &str = "3.10.0";

/// A database of a server.
pub struct Influxd3 {
    pub(super) api: Api3,
    longest_text: usize,
    /// `None` for a server that somebody runs; the database is ours.
    stand: Option<Strict3>,
}

impl Influxd3 {
    /// The server that `INFLUXDB3_URL` names, or the stand-in, which says so.
    ///
    /// # Errors
    /// What the environment names is of no use, or there is no port.
    pub fn any() -> io::Result<Self> {
        static SAID: Once = Once::new();
        if let Ok(url) = env::var("INFLUXDB3_URL") {
            return Self::at(&url, named("INFLUXDB3_TOKEN")?);
        }
        SAID.call_once(|| {
            crate::loud(
                "A STAND-IN answers for InfluxDB 3.x: set INFLUXDB3_URL and INFLUXDB3_TOKEN (an admin's) to run this on a real one",
            );
        });
        Self::stand_in(VERSION)
    }

    /// The stand-in, of this version.
    ///
    /// # Errors
    /// No port.
    pub fn stand_in(version: &str) -> io::Result<Self> {
        let stand = Strict3::start(version)?;
        let api = Api3 {
            address: format!("127.0.0.1:{}", stand.port()),
            admin: Strict3::TOKEN.to_owned(),
            database: "logs".to_owned(),
            own: None,
        };
        api.create_database(&api.database)?;
        Self::new(api, Some(stand))
    }

    /// A database of its own at a server that somebody runs.
    fn at(url: &str, admin: String) -> io::Result<Self> {
        let api = Api3 {
            address: address_of(url)?,
            admin,
            database: own_name(),
            own: None,
        };
        api.create_database(&api.database)?;
        Self::new(api, None)
    }

    fn new(api: Api3, stand: Option<Strict3>) -> io::Result<Self> {
        let longest_text = crate::strict::longest_text_of_3x(&api.version()?);
        Ok(Self {
            api,
            longest_text,
            stand,
        })
    }

    /// Ends it, if that is ours to do: connections are refused. Whether it is.
    pub(super) fn stop(&mut self) -> bool {
        self.stand.as_mut().map(Strict3::stop).is_some()
    }

    /// Starts it again on the same port, with what it holds.
    pub(super) fn restart(&mut self) -> io::Result<()> {
        self.stand.as_mut().map_or(Ok(()), Strict3::restart)
    }

    /// Removes points of a measurement where that can be done, in the stand-in alone; nanoseconds.
    pub(super) fn lose(&self, measurement: &str, range: Range<i64>) -> bool {
        let Some(stand) = &self.stand else {
            return false;
        };
        stand.lose(&self.api.database, |point| {
            point.measurement == measurement && range.contains(&point.time)
        });
        true
    }
}

impl Server for Influxd3 {
    fn product(&self) -> &'static str {
        "InfluxDB 3.x"
    }

    fn url(&self) -> String {
        format!("http://{}", self.api.address)
    }

    fn api(&self) -> &'static str {
        "v3"
    }

    fn token(&self) -> String {
        self.api.token()
    }

    fn bucket(&self) -> String {
        self.api.database.clone()
    }

    fn longest_text(&self) -> usize {
        self.longest_text
    }

    fn count(&self, measurement: &str) -> u64 {
        influxql::highest(&self.api.influxql(&influxql::counting(measurement)))
    }

    fn messages(&self) -> Vec<(i64, String)> {
        influxql::messages(&self.api.influxql(influxql::MESSAGES))
    }

    fn write(&self, lines: &str) -> io::Result<()> {
        self.api.write(lines)
    }
}

impl Drop for Influxd3 {
    fn drop(&mut self) {
        if self.stand.is_some() {
            return;
        }
        let revoked = self
            .api
            .own
            .take()
            .map_or(Ok(()), |(name, _)| self.api.revoke(&name));
        let dropped = self.api.delete_database(&self.api.database);
        if let Err(error) = revoked.and(dropped) {
            let database = &self.api.database;
            crate::loud(&format!("{database} is left at the server: {error}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_of_somebodys_has_a_database_of_ours_until_the_end_and_no_token_more() {
        let theirs = Strict3::start("3.6.0").unwrap();
        let url = format!("http://127.0.0.1:{}", theirs.port());
        let mut server = Influxd3::at(&url, Strict3::TOKEN.to_owned()).unwrap();
        server.api.replace_token().unwrap();
        let (database, token) = (server.bucket(), server.token());
        assert_ne!(
            (database.as_str(), token.as_str()),
            ("logs", Strict3::TOKEN)
        );
        assert_eq!(server.longest_text(), 65_536);
        server.write("ollama_logs message=\"x\" 1").unwrap();
        assert_eq!(
            (server.count("ollama_logs"), server.messages().len()),
            (1, 1)
        );
        assert!(!server.stop());
        drop(server);
        assert!(theirs.points(&database, |_| ()).is_none());
        assert!(!theirs.knows(&token));
    }
}
