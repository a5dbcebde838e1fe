//! Distinct points, as InfluxDB tells them apart.

use std::collections::HashMap;

use influxdb_line_protocol::{FieldValue, parse_lines};

/// One parsed line.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Measurement and tag set as they were written.
    pub series: String,
    /// Measurement.
    pub measurement: String,
    /// Nanoseconds since the Unix epoch.
    pub time: i64,
    /// Tags, as they are meant.
    pub tags: Vec<(String, String)>,
    /// Fields; strings as they are meant, anything else as it was written.
    pub fields: Vec<(String, String)>,
    /// The type of each field.
    pub kinds: Vec<Kind>,
}

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `"text"`.
    Text,
    /// `1i`.
    Integer,
    /// `1u`.
    Unsigned,
    /// `1`.
    Float,
    /// `true`.
    Boolean,
}

impl Kind {
    pub(super) fn in_flux(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Integer => "integer",
            Self::Unsigned => "unsigned integer",
            Self::Float => "float",
            Self::Boolean => "boolean",
        }
    }

    fn of(value: &FieldValue<'_>) -> Self {
        match value {
            FieldValue::String(_) => Self::Text,
            FieldValue::I64(_) => Self::Integer,
            FieldValue::U64(_) => Self::Unsigned,
            FieldValue::F64(_) => Self::Float,
            FieldValue::Boolean(_) => Self::Boolean,
        }
    }
}

impl Point {
    /// The field `message`, empty when there is none.
    pub fn message(&self) -> &str {
        self.fields
            .iter()
            .find(|(name, _)| name == "message")
            .map_or("", |(_, text)| text)
    }
}

/// What a database holds.
#[derive(Debug, Default)]
pub struct Points {
    points: HashMap<(String, i64), Point>,
    /// Points that were written again with other fields: two entries with one identity.
    pub overwritten: usize,
    /// Points that were written again just the same.
    pub repeated: usize,
}

impl Points {
    /// Number of distinct points.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Point> {
        self.points.values()
    }

    /// Messages of `ollama_logs`, sorted by time.
    pub fn messages(&self) -> Vec<String> {
        let mut logs: Vec<_> = self
            .iter()
            .filter(|point| point.measurement == "ollama_logs")
            .collect();
        logs.sort_by_key(|point| point.time);
        logs.iter()
            .map(|point| point.message().to_owned())
            .collect()
    }

    pub(super) fn lose(&mut self, lost: impl Fn(&Point) -> bool) {
        self.points.retain(|_, point| !lost(point));
    }

    pub(super) fn extend(&mut self, points: Vec<Point>) {
        for point in points {
            let key = (point.series.clone(), point.time);
            match self.points.insert(key, point.clone()) {
                None => {}
                Some(before) if before == point => self.repeated += 1,
                Some(_) => self.overwritten += 1,
            }
        }
    }
}

/// Every line of `text` as the vendor's parser reads it, or its complaint.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Result<Point, String>> {
    parse_lines(text).map(|line| {
        let line = line.map_err(|error| error.to_string())?;
        Ok(Point {
            series: line.series.to_string(),
            measurement: line.series.measurement.to_string(),
            time: line.timestamp.ok_or("a line without a timestamp")?,
            tags: line
                .series
                .tag_set
                .iter()
                .flatten()
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
            kinds: line
                .field_set
                .iter()
                .map(|(_, value)| Kind::of(value))
                .collect(),
            fields: line
                .field_set
                .iter()
                .map(|(name, value)| {
                    let value = match value {
                        FieldValue::String(text) => text.to_string(),
                        other => other.to_string(),
                    };
                    (name.to_string(), value)
                })
                .collect(),
        })
    })
}
