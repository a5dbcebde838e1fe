//! Distinct points, as InfluxDB tells them apart.

use std::collections::HashMap;

use influxdb_line_protocol::{FieldValue, ParsedLine, parse_lines, split_lines};

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
    pub(crate) fn in_flux(self) -> &'static str {
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

impl Point {
    /// The series, with its tags in order.
    fn canonical(&self) -> String {
        let mut tags: Vec<_> = self.tags.iter().collect();
        tags.sort();
        format!("{:?} {tags:?}", self.measurement)
    }

    fn take_fields(&mut self, newer: Self) {
        for (field, kind) in newer.fields.into_iter().zip(newer.kinds) {
            match self.fields.iter().position(|(name, _)| *name == field.0) {
                Some(place) => (self.fields[place], self.kinds[place]) = (field, kind),
                None => {
                    self.fields.push(field);
                    self.kinds.push(kind);
                }
            }
        }
    }

    /// The value of a tag.
    pub(crate) fn tag(&self, name: &str) -> Option<&str> {
        let mut tags = self.tags.iter();
        tags.find(|(own, _)| own == name).map(|(_, value)| &**value)
    }

    /// The value and the type of a field.
    pub(crate) fn field(&self, name: &str) -> Option<(&str, Kind)> {
        let place = self.fields.iter().position(|(own, _)| own == name)?;
        Some((&self.fields[place].1, self.kinds[place]))
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

    pub(crate) fn lose(&mut self, lost: impl Fn(&Point) -> bool) {
        self.points.retain(|_, point| !lost(point));
    }

    /// Adds a point as a server does: series are the same whatever the order of their tags, and the fields of a point that was
    /// there stay where the new one has none of that name.
    pub(crate) fn merge(&mut self, point: Point) {
        let key = (point.canonical(), point.time);
        match self.points.get_mut(&key) {
            None => {
                self.points.insert(key, point);
            }
            Some(before) => before.take_fields(point),
        }
    }

    pub(crate) fn extend(&mut self, points: Vec<Point>) {
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

/// One line of a request.
pub(crate) struct Line<'a> {
    /// From 1, among the lines that are neither empty nor a comment. A line break inside a quoted string ends no line.
    pub(crate) number: usize,
    pub(crate) text: &'a str,
    /// The point, or the complaint of the vendor's parser.
    pub(crate) point: Result<Point, String>,
}

/// Every line of `text`; one without a time has `now`.
pub(crate) fn numbered(text: &str, now: i64) -> impl Iterator<Item = Line<'_>> {
    let lines = split_lines(text).filter_map(move |text| {
        let parsed = parse_lines(text).next()?;
        let point = parsed.map_err(|error| error.to_string());
        Some((text, point.map(|line| to_point(&line, now))))
    });
    let numbers = 1..;
    numbers.zip(lines).map(|(number, (text, point))| Line {
        number,
        text,
        point,
    })
}

/// Every line of `text` as the vendor's parser reads it, or its complaint.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = Result<Point, String>> {
    parse_lines(text).map(|line| {
        let line = line.map_err(|error| error.to_string())?;
        let time = line.timestamp.ok_or("a line without a timestamp")?;
        Ok(to_point(&line, time))
    })
}

fn to_point(line: &ParsedLine<'_>, without_time: i64) -> Point {
    let value = |value: &FieldValue<'_>| match value {
        FieldValue::String(text) => text.to_string(),
        other => other.to_string(),
    };
    let tags = line.series.tag_set.iter().flatten();
    Point {
        series: line.series.to_string(),
        measurement: line.series.measurement.to_string(),
        time: line.timestamp.unwrap_or(without_time),
        tags: tags
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
            .map(|(name, field)| (name.to_string(), value(field)))
            .collect(),
    }
}
