//! Nanoseconds since the Unix epoch as dates of RFC 3339, and back; durations as Go prints them.

use super::SECOND;

const DAY: i64 = 86_400;

/// `2026-11-26T17:00:00`, with a fraction if there is one.
pub(super) fn shown(nanos: i64) -> String {
    let (seconds, fraction) = (nanos.div_euclid(SECOND), nanos.rem_euclid(SECOND));
    let (year, month, day) = date(seconds.div_euclid(DAY));
    let of_day = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let whole = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    match fraction {
        0 => whole,
        fraction => format!("{whole}.{fraction:09}")
            .trim_end_matches('0')
            .to_owned(),
    }
}

/// `2026-11-26T17:00:00.5Z`, the `Z` and the fraction left out or not, a blank for the `T`.
pub(super) fn read(text: &str) -> Option<i64> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let (days, of_day) = whole.split_once(['T', ' ']).unwrap_or((whole, "00:00:00"));
    let [year, month, day] = numbers(days, '-')?;
    let [hour, minute, second] = numbers(of_day, ':')?;
    let is_good = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60
        && fraction.len() <= 9;
    let digits = format!("{fraction:0<9}");
    let fraction = digits.parse::<i64>().ok().filter(|_| is_good)?;
    let seconds = days_since(year, month, day) * DAY + hour * 3600 + minute * 60 + second;
    seconds.checked_mul(SECOND)?.checked_add(fraction)
}

/// `1h0m0s`, as Go prints whole seconds.
pub(super) fn go_duration(seconds: u64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m{rest}s"),
        _ => format!("{hours}h{minutes}m{rest}s"),
    }
}

fn numbers(text: &str, apart: char) -> Option<[i64; 3]> {
    let found: Option<Vec<i64>> = text
        .split(apart)
        .map(|digits| digits.parse().ok())
        .collect();
    found?.try_into().ok()
}

/// Days of the proleptic Gregorian calendar, by eras of 400 years that begin in March.
fn days_since(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let years = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * years + years / 4 - years / 100);
    let months = (5 * of_year + 2) / 153;
    let day = of_year - (153 * months + 2) / 5 + 1;
    let month = if months < 10 { months + 3 } else { months - 9 };
    let year = era * 400 + years + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_and_read_back() {
        for (nanos, text) in [
            (0, "1970-01-01T00:00:00"),
            (1_795_712_400 * SECOND, "2026-11-26T17:00:00"),
            (951_782_399 * SECOND + 500_000_000, "2000-02-28T23:59:59.5"),
            (-SECOND, "1969-12-31T23:59:59"),
        ] {
            assert_eq!(shown(nanos), text);
            assert_eq!(read(text), Some(nanos));
            assert_eq!(read(&format!("{}Z", text.replace('T', " "))), Some(nanos));
        }
        assert_eq!(read("2026-11-26"), Some(1_795_651_200 * SECOND));
        assert_eq!(read("yesterday"), None);
    }

    #[test]
    fn durations_are_those_of_go() {
        assert_eq!(go_duration(3600), "1h0m0s");
        assert_eq!(go_duration(61), "1m1s");
        assert_eq!(go_duration(0), "0s");
    }
}
