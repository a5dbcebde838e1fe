//! The lines of a life, with the time of each.

use jiff::Timestamp;

/// Who wrote a line into the unit's journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writer {
    Ollama,
    Systemd,
}

#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Microseconds since the Unix epoch.
    pub(crate) time: u64,
    pub(crate) writer: Writer,
    pub(crate) text: String,
}

/// Lines as they are thought of: what goes on at once is written down one after the other, and sorted by time at the end.
#[derive(Debug, Default)]
pub(crate) struct Lines(Vec<Line>);

impl Lines {
    pub(crate) fn put(&mut self, time: u64, text: impl Into<String>) {
        self.push(time, Writer::Ollama, text.into());
    }

    /// What systemd says of the unit.
    pub(crate) fn put_systemd(&mut self, time: u64, text: impl Into<String>) {
        self.push(time, Writer::Systemd, text.into());
    }

    fn push(&mut self, time: u64, writer: Writer, text: String) {
        self.0.push(Line { time, writer, text });
    }

    /// A line of slog, which has the time in its text as well.
    pub(crate) fn slog(&mut self, time: u64, text: &str) {
        let stamp = stamp(time).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        self.put(time, format!("time={stamp} {text}"));
    }

    /// A line of GIN.
    pub(crate) fn gin(
        &mut self,
        time: u64,
        (method, path): (&str, &str),
        status: &str,
        nanos: u64,
    ) {
        let stamp = stamp(time).strftime("%Y/%m/%d - %H:%M:%S").to_string();
        let latency = go_duration(nanos);
        self.put(
            time,
            format!(
                "[GIN] {stamp} | {status:>3} | {latency:>13} | {:>15} | {method:<7}  {path:?}",
                "192.168.0.7"
            ),
        );
    }

    /// All lines in the order of their times; those of one time as they were thought of.
    pub(crate) fn in_order(mut self) -> Vec<Line> {
        self.0.sort_by_key(|line| line.time);
        self.0
    }
}

fn stamp(time: u64) -> Timestamp {
    Timestamp::from_microsecond(i64::try_from(time).unwrap()).unwrap()
}

/// GIN leaves out what is below a second above a minute.
pub(crate) fn logged_nanos(nanos: u64) -> u64 {
    const SECOND: u64 = 1_000_000_000;
    if nanos > 60 * SECOND {
        nanos / SECOND * SECOND
    } else {
        nanos
    }
}

/// As Go prints a duration.
fn go_duration(nanos: u64) -> String {
    let nanos = logged_nanos(nanos);
    let part = |unit: u64| {
        let digits = unit.ilog10() as usize;
        let text = format!("{}.{:0digits$}", nanos / unit, nanos % unit);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match nanos {
        0 => "0s".to_owned(),
        1..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => part(1_000) + "µs",
        1_000_000..1_000_000_000 => part(1_000_000) + "ms",
        1_000_000_000..60_000_000_000 => part(1_000_000_000) + "s",
        _ => {
            let seconds = nanos / 1_000_000_000;
            let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
            let hours = if hours == 0 {
                String::new()
            } else {
                format!("{hours}h")
            };
            format!("{hours}{minutes}m{seconds}s")
        }
    }
}

#[test]
fn durations_are_printed_as_go_does() {
    for (nanos, text) in [
        (186_069, "186.069µs"),
        (414_000, "414µs"),
        (1_277_800, "1.2778ms"),
        (23_156_863_789, "23.156863789s"),
        (60_000_000_000, "1m0s"),
        (75_600_000_000, "1m15s"),
        (3_723_000_000_000, "1h2m3s"),
        (0, "0s"),
    ] {
        assert_eq!(go_duration(nanos), text);
    }
}
