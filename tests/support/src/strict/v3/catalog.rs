//! What a 3.x server holds: databases, and of each table the types of its columns, which are for ever.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use super::super::tokens::Tokens;
use super::super::version::Version;
use crate::points::{Kind, Point, Points};

/// Databases of Core, beside its own.
const DATABASES: usize = 5;
/// Tables of a database.
const TABLES: usize = 2000;
/// Columns of a table, `time` among them.
const COLUMNS: usize = 500;

/// What a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Tag,
    Field(Kind),
    Time,
}

impl Column {
    /// In the words of a refusal.
    fn in_iox(self) -> &'static str {
        match self {
            Self::Tag => "iox::column_type::tag",
            Self::Time => "iox::column_type::timestamp",
            Self::Field(Kind::Text) => "iox::column_type::field::string",
            Self::Field(Kind::Integer) => "iox::column_type::field::integer",
            Self::Field(Kind::Unsigned) => "iox::column_type::field::uinteger",
            Self::Field(Kind::Float) => "iox::column_type::field::float",
            Self::Field(Kind::Boolean) => "iox::column_type::field::boolean",
        }
    }

    /// In `information_schema.columns`.
    pub(super) fn in_arrow(self) -> &'static str {
        match self {
            Self::Tag => "Dictionary(Int32, Utf8)",
            Self::Time => "Timestamp(Nanosecond, None)",
            Self::Field(Kind::Text) => "Utf8",
            Self::Field(Kind::Integer) => "Int64",
            Self::Field(Kind::Unsigned) => "UInt64",
            Self::Field(Kind::Float) => "Float64",
            Self::Field(Kind::Boolean) => "Boolean",
        }
    }
}

/// The columns of each table.
pub(super) type Tables = BTreeMap<String, BTreeMap<String, Column>>;

/// A database with its points.
#[derive(Default)]
pub(super) struct Database {
    pub(super) tables: Tables,
    pub(super) points: Points,
    /// Seconds that points are shown; 0 for ever.
    pub(super) keeps: u64,
}

pub(super) struct State {
    pub(super) version: Version,
    pub(super) tokens: Tokens,
    /// Whether it was started without authorization.
    pub(super) is_open: bool,
    pub(super) databases: BTreeMap<String, Database>,
    /// Why nothing can be made durable.
    pub(super) wal: Option<&'static str>,
    /// How long a write waits until it is durable.
    pub(super) wal_wait: Duration,
}

impl State {
    pub(super) fn new(version: Version) -> Self {
        Self {
            version,
            tokens: Tokens::default(),
            is_open: false,
            databases: BTreeMap::new(),
            wal: None,
            wal_wait: Duration::ZERO,
        }
    }

    /// The tables of a database, none of one that is still to be made.
    ///
    /// # Errors
    /// There are too many databases.
    pub(super) fn tables(&self, name: &str) -> Result<Tables, String> {
        match self.databases.get(name) {
            Some(held) => Ok(held.tables.clone()),
            None if self.databases.len() < DATABASES => Ok(Tables::new()),
            None => Err(format!(
                "Adding a new database would exceed limit of {DATABASES} databases"
            )),
        }
    }
}

/// Bytes of the longest string, and how it is told.
pub(super) fn longest(version: Version) -> (usize, &'static str) {
    if version.since(3, 9) {
        (1 << 20, "1MB")
    } else {
        (65_536, "64KB")
    }
}

/// Takes a point's columns into `tables`; nothing of them when it is refused.
///
/// # Errors
/// Why it is refused.
pub(super) fn admit(version: Version, tables: &mut Tables, point: &Point) -> Result<(), String> {
    repeated(point)?;
    let (most, told) = longest(version);
    for ((_, text), &kind) in point.fields.iter().zip(&point.kinds) {
        if kind == Kind::Text && text.len() > most {
            return Err(format!("String is greater than {told}"));
        }
    }
    let table = tables.get(&point.measurement);
    if table.is_none() && tables.len() >= TABLES {
        return Err(format!(
            "Update to schema would exceed number of tables limit of {TABLES} tables"
        ));
    }
    let first = || BTreeMap::from([("time".to_owned(), Column::Time)]);
    let mut columns = table.cloned().unwrap_or_else(first);
    let tags = point.tags.iter().map(|(name, _)| (name, Column::Tag));
    let kinds = point.kinds.iter().map(|&kind| Column::Field(kind));
    let fields = point.fields.iter().map(|(name, _)| name).zip(kinds);
    for (name, column) in tags.chain(fields) {
        let there = *columns.entry(name.clone()).or_insert(column);
        if there != column {
            let (expected, got) = (there.in_iox(), column.in_iox());
            return Err(format!(
                "invalid column type for column '{name}', expected {expected}, got {got}"
            ));
        }
    }
    if columns.len() > COLUMNS {
        return Err(format!(
            "Update to schema would exceed number of columns per table limit of {COLUMNS} columns"
        ));
    }
    tables.insert(point.measurement.clone(), columns);
    Ok(())
}

fn repeated(point: &Point) -> Result<(), String> {
    for (names, what) in [(&point.tags, "tag"), (&point.fields, "field")] {
        let mut seen = HashSet::new();
        for (name, _) in names {
            if !seen.insert(name) {
                return Err(format!(
                    "invalid line protocol - multiple instances of '{name}' {what} found"
                ));
            }
        }
    }
    Ok(())
}
