//! What happens to a server in its life, made by the tests.

use std::io;
use std::ops::Range;

use super::{Influxd1, Influxd2, Influxd3, Server, Settings};

/// Whether something could be done.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Able {
    /// It is done.
    Done,
    /// It cannot be done with this server; why.
    Unable(&'static str),
}

impl Able {
    /// Whether it is done; says so loudly when it is not.
    pub fn or_loud(self, server: &(impl Server + ?Sized)) -> bool {
        if let Self::Unable(why) = self {
            crate::loud(&format!("SKIPPED on {}: {why}", server.product()));
        }
        self == Self::Done
    }

    fn of(is_done: bool, otherwise: &'static str) -> Self {
        match is_done {
            true => Self::Done,
            false => Self::Unable(otherwise),
        }
    }
}

/// A server whose life can be made.
pub trait Life: Server {
    /// Ends it: connections are refused.
    fn stop(&mut self) -> io::Result<Able>;
    /// Starts it again in place: on the same port, with what it holds.
    fn restart(&mut self) -> io::Result<()>;
    /// Deletes the points of a measurement; nanoseconds since the Unix epoch.
    fn delete(&self, measurement: &str, range: Range<i64>) -> io::Result<Able>;
    /// Makes another token for the shipper, and revokes the one that it had.
    fn replace_token(&mut self) -> io::Result<()>;
    /// Seconds that points are kept; 0 for ever.
    fn set_retention(&self, seconds: u64) -> io::Result<()>;
    /// Makes a bucket or a database.
    fn create_bucket(&self, name: &str) -> io::Result<()>;
    /// Deletes one with all that it holds.
    fn delete_bucket(&self, name: &str) -> io::Result<()>;
}

const NOT_OURS: &str = "the server is not ours to stop";

/// 1.6.7, which asks for a password.
///
/// # Panics
/// When it cannot be had.
pub fn life_1x() -> Box<dyn Life> {
    let settings = Settings {
        auth: Some("admin:first".to_owned()),
        ..Settings::default()
    };
    let server = Influxd1::start(settings);
    Box::new(server.expect("influxd 1.x (Debian package influxdb)"))
}

/// A 2.x server as [`Influxd2::any`] finds one, with a token of the shipper's own.
///
/// # Panics
/// When it cannot be had.
pub fn life_2x() -> Box<dyn Life> {
    let mut server = Influxd2::any().expect("a 2.x server");
    server.api.replace_token().expect("a token of 2.x");
    Box::new(server)
}

/// The same of 3.x: as [`Influxd3::any`] finds one, or the stand-in of a version.
///
/// # Panics
/// When it cannot be had.
pub fn life_3x(version: Option<&str>) -> Box<dyn Life> {
    let server = version.map_or_else(Influxd3::any, Influxd3::stand_in);
    let mut server = server.expect("a 3.x server");
    server.api.replace_token().expect("a token of 3.x");
    Box::new(server)
}

impl Life for Influxd1 {
    fn stop(&mut self) -> io::Result<Able> {
        Self::stop(self).map(|()| Able::Done)
    }

    fn restart(&mut self) -> io::Result<()> {
        Self::stop(self)?;
        Self::restart(self)
    }

    fn delete(&self, measurement: &str, range: Range<i64>) -> io::Result<Able> {
        let Range { start, end } = range;
        self.influxql(&format!(
            "DELETE FROM {measurement} WHERE time >= {start} AND time < {end}"
        ));
        Ok(Able::Done)
    }

    fn replace_token(&mut self) -> io::Result<()> {
        let next = format!("after-{}", self.token().len());
        self.set_password(&next);
        Ok(())
    }

    fn set_retention(&self, seconds: u64) -> io::Result<()> {
        let duration = match seconds {
            0 => "INF".to_owned(),
            seconds => format!("{seconds}s SHARD DURATION 1h"),
        };
        self.influxql(&format!(
            "ALTER RETENTION POLICY autogen ON logs DURATION {duration}"
        ));
        Ok(())
    }

    fn create_bucket(&self, name: &str) -> io::Result<()> {
        self.influxql(&format!("CREATE DATABASE \"{name}\""));
        Ok(())
    }

    fn delete_bucket(&self, name: &str) -> io::Result<()> {
        self.influxql(&format!("DROP DATABASE \"{name}\""));
        Ok(())
    }
}

impl Life for Influxd2 {
    fn stop(&mut self) -> io::Result<Able> {
        Ok(Able::of(Self::stop(self)?, NOT_OURS))
    }

    fn restart(&mut self) -> io::Result<()> {
        Self::restart(self)
    }

    fn delete(&self, measurement: &str, range: Range<i64>) -> io::Result<Able> {
        self.api.delete(measurement, range).map(|()| Able::Done)
    }

    fn replace_token(&mut self) -> io::Result<()> {
        self.api.replace_token()
    }

    fn set_retention(&self, seconds: u64) -> io::Result<()> {
        self.api.set_retention(seconds)
    }

    fn create_bucket(&self, name: &str) -> io::Result<()> {
        self.api.create_bucket(name)
    }

    fn delete_bucket(&self, name: &str) -> io::Result<()> {
        self.api.delete_bucket(name)
    }
}

impl Life for Influxd3 {
    fn stop(&mut self) -> io::Result<Able> {
        Ok(Able::of(Self::stop(self), NOT_OURS))
    }

    fn restart(&mut self) -> io::Result<()> {
        Self::restart(self)
    }

    fn delete(&self, measurement: &str, range: Range<i64>) -> io::Result<Able> {
        let is_lost = self.lose(measurement, range);
        Ok(Able::of(is_lost, "rows of 3.x cannot be deleted"))
    }

    fn replace_token(&mut self) -> io::Result<()> {
        self.api.replace_token()
    }

    fn set_retention(&self, seconds: u64) -> io::Result<()> {
        self.api.set_retention(seconds)
    }

    fn create_bucket(&self, name: &str) -> io::Result<()> {
        self.api.create_database(name)
    }

    fn delete_bucket(&self, name: &str) -> io::Result<()> {
        self.api.delete_database(name)
    }
}

#[cfg(test)]
mod tests;
