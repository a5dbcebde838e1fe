//! Points in time as operators write them.

use std::str::FromStr;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// A point in time, in microseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct When(pub u64);

/// A text that is no time.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error(
    "a time is 2026-11-23, 2026-11-23T14:00:00, 2026-11-23T14:00:00Z, or 36h for so long before now"
)]
pub struct NoTime;

impl FromStr for When {
    type Err = NoTime;

    fn from_str(text: &str) -> Result<Self, NoTime> {
        parse(text, SystemTime::now(), &TimeZone::system())
    }
}

fn parse(text: &str, now: SystemTime, zone: &TimeZone) -> Result<When, NoTime> {
    if let Ok(age) = humantime::parse_duration(text) {
        let then = now.checked_sub(age).ok_or(NoTime)?;
        let since_epoch = then.duration_since(SystemTime::UNIX_EPOCH);
        return since_epoch.map_err(|_| NoTime).map(When::from_epoch);
    }
    let local = |civil: DateTime| zone.to_timestamp(civil);
    let timestamp = text
        .parse::<Timestamp>()
        .or_else(|_| text.parse::<DateTime>().and_then(local))
        .or_else(|_| text.parse::<Date>().and_then(|date| local(date.into())))
        .map_err(|_| NoTime)?;
    u64::try_from(timestamp.as_microsecond())
        .map(When)
        .map_err(|_| NoTime)
}

impl When {
    fn from_epoch(age: Duration) -> Self {
        Self(u64::try_from(age.as_micros()).unwrap_or(u64::MAX))
    }

    #[must_use]
    pub fn now() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self::from_epoch(now.unwrap_or_default())
    }

    /// Time of day on this host, with the date unless it is that of `now`: `14:02`, `2026-11-22 14:02`.
    #[must_use]
    pub fn to_clock(self, now: Self) -> String {
        let zone = TimeZone::system();
        let local = |when: Self| {
            when.timestamp()
                .map(|time| time.to_zoned_datetime(zone.clone()))
        };
        match (local(self), local(now)) {
            (Some(time), Some(now)) if time.date() == now.date() => {
                time.strftime("%H:%M").to_string()
            }
            (Some(time), _) => time.strftime("%Y-%m-%d %H:%M").to_string(),
            (None, _) => "out of range".to_owned(),
        }
    }

    /// `2026-11-23 14:02:03` in the time zone of this host.
    #[must_use]
    pub fn to_local(self) -> String {
        self.timestamp().map_or_else(
            || "out of range".to_owned(),
            |time| {
                time.to_zoned_datetime(TimeZone::system())
                    .strftime("%Y-%m-%d %H:%M:%S")
                    .to_string()
            },
        )
    }

    fn timestamp(self) -> Option<Timestamp> {
        Timestamp::from_microsecond(i64::try_from(self.0).ok()?).ok()
    }

    /// RFC 3339 in UTC, to the nanosecond.
    #[must_use]
    pub fn nanos_to_rfc3339(nanos: u64) -> String {
        Timestamp::from_nanosecond(i128::from(nanos))
            .map_or_else(|_| "out of range".to_owned(), |time| format!("{time:.9}"))
    }

    /// RFC 3339 in UTC, to the second.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        self.timestamp()
            .map_or_else(|| "out of range".to_owned(), |time| format!("{time:.0}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<u64> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        parse(text, now, &zone).ok().map(|when| when.0)
    }

    #[test]
    fn ages_dates_and_timestamps_are_understood() {
        assert_eq!(at("1h"), Some(996_400_000_000));
        assert_eq!(at("1970-01-02T00:00:00Z"), Some(86_400_000_000));
        assert_eq!(at("1970-01-02T02:00:00+02:00"), Some(86_400_000_000));
        assert_eq!(at("1970-01-02"), Some(79_200_000_000));
        assert_eq!(at("1970-01-02T03:00"), Some(90_000_000_000));
        assert_eq!(at("1970-01-02 03:00"), Some(90_000_000_000));
    }

    #[test]
    fn what_is_no_time_or_before_1970_is_refused() {
        for text in [
            "",
            "yesterday",
            "1969-01-01",
            "400000d",
            "2026-13-01",
            "now",
        ] {
            assert_eq!(at(text), None, "{text:?}");
        }
    }

    #[test]
    fn times_print_as_rfc_3339() {
        assert_eq!(When(86_400_999_999).to_rfc3339(), "1970-01-02T00:00:00Z");
        assert_eq!(When(u64::MAX).to_rfc3339(), "out of range");
    }
}
