//! The shards of a bucket: one type of each field, and whether they can be opened.

use std::collections::{BTreeMap, HashMap};

use super::super::calendar::{go_duration, shown};
use super::super::{SECOND, stand::now};
use super::state::State;
use crate::points::{Kind, Point};

/// Bytes of the longest string.
const LONGEST: usize = 1 << 20;

/// A shard that there is, or that could not be made.
pub(super) struct Shard {
    pub(super) number: u64,
    /// Nanoseconds.
    pub(super) end: i64,
    kinds: HashMap<(String, String), Kind>,
    /// Why it cannot be opened.
    pub(super) failed: Option<String>,
}

/// What became of a write.
pub(super) enum Written {
    All,
    /// Some of it was not stored; how it is told.
    Partly(String),
    /// A shard failed.
    Failed(String),
}

/// Stores what the bucket takes. Every shard has its own result, and the last one that is not good is told.
pub(super) fn write(state: &mut State, place: usize, points: Vec<Point>) -> Written {
    let held = &state.buckets[place];
    let keeps = held.is.keeps;
    let of_time = |time: i64| held.start_of(time);
    let oldest = match keeps {
        0 => i64::MIN,
        seconds => now() - i64::try_from(seconds).expect("less than an age") * SECOND,
    };
    // A shard is made for points that are young enough; older ones of the same request go along.
    let mut shards = BTreeMap::<i64, Vec<Point>>::new();
    for point in points.iter().filter(|point| point.time >= oldest) {
        shards.entry(of_time(point.time)).or_default();
    }
    let mut late = Vec::new();
    for point in points {
        match shards.get_mut(&of_time(point.time)) {
            Some(shard) => shard.push(point),
            None => late.push(point),
        }
    }
    let mut written = match beyond(&mut late, keeps, oldest, &state.buckets[place].is.id) {
        Some(words) => Written::Partly(words),
        None => Written::All,
    };
    for (start, points) in shards {
        match write_shard(state, place, start, points) {
            Written::All => {}
            other => written = other,
        }
    }
    written
}

/// How points outside of the retention are told.
fn beyond(late: &mut [Point], keeps: u64, oldest: i64, bucket: &str) -> Option<String> {
    late.sort_by_key(|point| point.time);
    let count = late.len();
    let bound = shown(oldest);
    let point = |point: &Point| {
        let (series, time) = (&point.series, shown(point.time));
        format!(
            "point {series} at {time}Z dropped because it violates a Retention Policy Lower Bound at {bound}Z"
        )
    };
    let (first, last) = (point(late.first()?), point(late.last()?));
    let duration = go_duration(keeps);
    Some(format!(
        "partial write: dropped {count} points outside retention policy of duration {duration} - oldest {first}, newest {last} \
         dropped={count} for database: {bucket} for retention policy: autogen"
    ))
}

fn write_shard(state: &mut State, place: usize, start: i64, points: Vec<Point>) -> Written {
    if !state.buckets[place].shards.contains_key(&start) {
        let number = state.new_shard();
        let failed = state.disk_is_full.then(|| {
            format!("[shard {number}] mkdir /data/{number}/index: no space left on device")
        });
        let shard = Shard {
            number,
            end: start.saturating_add(state.buckets[place].length()),
            kinds: HashMap::new(),
            failed: failed.clone(),
        };
        state.buckets[place].shards.insert(start, shard);
        if let Some(words) = failed {
            return Written::Failed(words);
        }
    }
    let are_deleted = state.shards_are_deleted;
    let held = &mut state.buckets[place];
    let shard = held.shards.get_mut(&start).expect("it is there");
    let number = shard.number;
    if let Some(words) = &shard.failed {
        return Written::Failed(format!(
            "not attempting to open shard {number}; opening shard previously failed with: {words}"
        ));
    }
    if are_deleted {
        let dropped = points.len();
        return Written::Partly(format!(
            "partial write: shard {number} is pending deletion dropped={dropped}"
        ));
    }
    let mut why = None;
    let mut dropped = 0;
    for point in points {
        match shard.refusal(&point) {
            None => held.points.merge(point),
            Some(words) => {
                dropped += 1;
                why.get_or_insert(words);
            }
        }
    }
    why.map_or(Written::All, |words| {
        Written::Partly(format!("partial write: {words} dropped={dropped}"))
    })
}

impl Shard {
    /// Why a point is refused; the types of its fields are those of the shard from now on.
    fn refusal(&mut self, point: &Point) -> Option<String> {
        let measurement = &point.measurement;
        for ((field, text), &kind) in point.fields.iter().zip(&point.kinds) {
            if kind == Kind::Text && text.len() > LONGEST {
                let length = text.len();
                return Some(format!(
                    "input field \"{field}\" on measurement \"{measurement}\" is too long, {length} > {LONGEST}"
                ));
            }
            let key = (measurement.clone(), field.clone());
            let there = *self.kinds.entry(key).or_insert(kind);
            if there != kind {
                let (new, old) = (in_go(kind), in_go(there));
                return Some(format!(
                    "field type conflict: input field \"{field}\" on measurement \"{measurement}\" is type {new}, already exists as type {old}"
                ));
            }
        }
        None
    }
}

fn in_go(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "string",
        Kind::Integer => "integer",
        Kind::Unsigned => "unsigned",
        Kind::Float => "float",
        Kind::Boolean => "boolean",
    }
}
