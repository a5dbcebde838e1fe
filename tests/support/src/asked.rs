//! What InfluxDB 2.9.1 answers when it is asked: `/api/v2/query` for the Flux that counts points by the hour, and
//! `/api/v2/buckets`. Whatever a real one refuses is refused in its words, and Flux of any other form as well.

mod cardinality;
mod flux;

use std::collections::HashMap;

use serde_json::json;

use crate::parameters::parameters;
use crate::points::{Kind, Points};
use cardinality::Cardinality;
use flux::{Pipeline, Source};

/// The one bucket that there is, by names and by ids.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// Name of the organisation.
    pub org: String,
    /// Its id.
    pub org_id: String,
    /// Name of the bucket.
    pub name: String,
    /// Its id.
    pub id: String,
    /// Seconds that it keeps points; 0 for ever.
    pub keeps: u64,
    /// Seconds of a shard, which are of one type of each field.
    pub shard: i64,
}

/// Status and body.
pub(crate) type Told = (u16, String);

/// An answer to a GET of `/api/v2/buckets`.
pub(crate) fn buckets(bucket: Option<&Bucket>, query: &str) -> Told {
    let asked = parameters(query);
    let is = |name: &str, own: fn(&Bucket) -> &String| match (asked.get(name), bucket) {
        (None, _) => true,
        (Some(asked), Some(bucket)) => asked == own(bucket),
        (Some(_), None) => false,
    };
    let text = |name: &str| asked.get(name).cloned().unwrap_or_default();
    if !asked.contains_key("org") && !asked.contains_key("orgID") {
        return refused(400, "invalid", "Please provide either orgID or org");
    }
    if !is("org", |bucket| &bucket.org) || !is("orgID", |bucket| &bucket.org_id) {
        let (org, id) = (text("org"), text("orgID"));
        let words = format!("organization name \"{org}{id}\" not found");
        return refused(404, "not found", &words);
    }
    if !is("name", |bucket| &bucket.name) || !is("id", |bucket| &bucket.id) {
        let (name, id) = (text("name"), text("id"));
        let words = format!("bucket \"{name}{id}\" not found");
        return refused(404, "not found", &words);
    }
    let Some(bucket) = bucket else {
        return refused(404, "not found", "bucket not found");
    };
    let rules = match bucket.keeps {
        0 => json!([]),
        seconds => json!([{ "type": "expire", "everySeconds": seconds }]),
    };
    let found = json!({ "id": bucket.id, "name": bucket.name, "retentionRules": rules });
    (200, json!({ "buckets": [found] }).to_string())
}

/// An answer to a POST of Flux to `/api/v2/query`.
pub(crate) fn query(bucket: Option<&Bucket>, query: &str, flux: &str, points: &Points) -> Told {
    let org = parameters(query).remove("org").unwrap_or_default();
    let of_org = |bucket: &&Bucket| org == bucket.org || org == bucket.org_id;
    let Some(bucket) = bucket.filter(of_org) else {
        let words = format!("failed to decode request body: organization name \"{org}\" not found");
        return refused(400, "invalid", &words);
    };
    let question = match cardinality::parse(flux) {
        Some(series) => series.map(Question::Series),
        None => flux::parse(flux).map(Question::Hours),
    };
    let question = match question {
        Ok(question) => question,
        Err(what) => {
            let words = format!("compilation failed: error at {what}");
            return refused(400, "invalid", &words);
        }
    };
    let (asked, own) = match question.from() {
        Source::Name(name) => (name, &bucket.name),
        Source::Id(id) => (id, &bucket.id),
    };
    if asked != own {
        let words = format!("could not find bucket \"{asked}\"");
        return refused(404, "not found", &words);
    }
    let answer = match &question {
        Question::Hours(pipeline) => count(pipeline, bucket, points).map(|hours| csv(&hours)),
        Question::Series(series) => {
            let number = series.count(points);
            Ok(format!(
                ",result,table,_value\r\n,_result,0,{number}\r\n\r\n"
            ))
        }
    };
    match answer {
        Ok(csv) => (200, csv),
        Err(words) => refused(400, "invalid", &words),
    }
}

/// What is asked in Flux.
enum Question {
    Hours(Pipeline),
    Series(Cardinality),
}

impl Question {
    fn from(&self) -> &Source {
        match self {
            Self::Hours(pipeline) => &pipeline.from,
            Self::Series(series) => &series.from,
        }
    }
}

/// Points by the start of their hour, in microseconds, sorted.
fn count(pipeline: &Pipeline, bucket: &Bucket, points: &Points) -> Result<Vec<(i64, u64)>, String> {
    let mut hours = HashMap::<i64, u64>::new();
    // Of each field, which type the first shard has it in; shards of another type are left out.
    let mut values: Vec<_> = points
        .iter()
        .flat_map(|point| {
            point
                .fields
                .iter()
                .zip(&point.kinds)
                .map(move |field| (point, field))
        })
        .filter(|(point, ((field, _), _))| pipeline.takes(point, field))
        .map(|(point, ((field, _), kind))| (point.time, field.as_str(), *kind))
        .collect();
    values.sort_by_key(|(time, ..)| *time);
    let shard = |time: i64| time / 1_000_000_000 / bucket.shard;
    let mut first = HashMap::<&str, (i64, Kind)>::new();
    for &(time, field, kind) in &values {
        let (_, first) = *first.entry(field).or_insert((shard(time), kind));
        if first == kind {
            *hours.entry(time / HOUR * HOUR / 1000).or_default() += 1;
        }
    }
    let mut kinds: Vec<_> = first.values().map(|(_, kind)| *kind).collect();
    kinds.sort();
    kinds.dedup();
    if let [one, .., another] = kinds[..] {
        let (one, another) = (one.in_flux(), another.in_flux());
        return Err(format!(
            "schema collision: cannot group {one} and {another} types together"
        ));
    }
    let mut hours: Vec<_> = hours.into_iter().collect();
    hours.sort_unstable();
    Ok(hours)
}

/// Nanoseconds.
const HOUR: i64 = 3_600_000_000_000;

fn csv(hours: &[(i64, u64)]) -> String {
    if hours.is_empty() {
        return "\r\n".to_owned();
    }
    let rows = hours
        .iter()
        .map(|(hour, points)| format!(",_result,0,{hour},{points}\r\n"));
    let rows: String = rows.collect();
    format!(",result,table,hour,points\r\n{rows}\r\n")
}

fn refused(status: u16, code: &str, message: &str) -> Told {
    let body = json!({ "code": code, "message": message });
    (status, body.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::points;

    const ID: &str = "00000000000000b2";

    fn bucket() -> Bucket {
        Bucket {
            org: "org".to_owned(),
            org_id: "00000000000000a1".to_owned(),
            name: "logs".to_owned(),
            id: ID.to_owned(),
            keeps: 3600,
            shard: 3600,
        }
    }

    fn flux(from: &str, condition: &str) -> String {
        format!(
            "from({from}) |> range(start: 0, stop: 36000) |> filter(fn: (r) => {condition}) |> group() \
             |> aggregateWindow(every: 1h, fn: count, createEmpty: false, timeSrc: \"_start\") \
             |> map(fn: (r) => ({{ hour: uint(v: r._time) / uint(v: 1000), points: r._value }}))"
        )
    }

    fn told(org: &str, flux: &str, lines: &str) -> Told {
        let mut held = Points::default();
        held.extend(points::lines(lines).collect::<Result<_, _>>().unwrap());
        query(Some(&bucket()), &format!("org={org}"), flux, &held)
    }

    const MESSAGE: &str = r#"r._measurement == "m" and r._field == "message""#;

    #[test]
    fn organisations_go_by_name_and_id_and_buckets_by_id_only_as_such() {
        let by_name = flux("bucket: \"logs\"", MESSAGE);
        for org in ["org", "00000000000000a1"] {
            assert_eq!(told(org, &by_name, "").0, 200);
        }
        let (status, words) = told("x", &by_name, "");
        assert_eq!(status, 400);
        assert!(
            words.contains(r#"failed to decode request body: organization name \"x\" not found"#)
        );
        let by_id = flux(&format!("bucketID: \"{ID}\""), MESSAGE);
        assert_eq!(told("org", &by_id, "").0, 200);
        for missing in [
            "bucket: \"x\"".to_owned(),
            format!("bucket: \"{ID}\""),
            "bucketID: \"logs\"".to_owned(),
        ] {
            let (status, words) = told("org", &flux(&missing, MESSAGE), "");
            assert_eq!(status, 404, "{missing}");
            assert!(words.contains("could not find bucket"), "{words}");
        }
    }

    #[test]
    fn one_group_of_text_and_integers_is_a_collision() {
        let both = format!(r#"({MESSAGE}) or (r._measurement == "s" and r._field == "read")"#);
        let flux = flux("bucket: \"logs\"", &both);
        assert_eq!(told("org", &flux, "m message=\"a\" 1").0, 200);
        let (status, words) = told("org", &flux, "m message=\"a\" 1\ns read=1i 1");
        assert_eq!(status, 400);
        assert!(
            words.contains("schema collision: cannot group string and integer types together"),
            "{words}"
        );
    }

    #[test]
    fn of_a_field_of_two_types_points_are_left_out_and_an_hour_alone_is_right() {
        let lines = "m message=1 1\nm message=\"a\" 3600000000000";
        let whole = flux("bucket: \"logs\"", MESSAGE);
        assert!(!told("org", &whole, lines).1.contains(",3600000000,"));
        let alone = whole.replace("start: 0", "start: 3600");
        assert!(told("org", &alone, lines).1.contains(",3600000000,1"));
    }

    #[test]
    fn what_would_be_filled_in_and_any_other_flux_is_refused() {
        let good = flux("bucket: \"logs\"", MESSAGE);
        for bad in [
            flux("bucket: \"${x}\"", MESSAGE),
            flux("bucket: \"\\x\"", MESSAGE),
            good.replace("|> group()", ""),
            format!("{good} |> limit(n: 1)"),
            good.replace("stop: 36000", "stop: 0"),
        ] {
            assert_eq!(told("org", &bad, "").0, 400, "{bad}");
        }
    }

    #[test]
    fn buckets_are_listed_by_id_only_as_such() {
        let bucket = bucket();
        let told = |query: &str| buckets(Some(&bucket), query);
        for right in [
            "org=org&name=logs".to_owned(),
            format!("orgID={}&id={ID}", bucket.org_id),
            format!("org=org&id={ID}"),
        ] {
            let (status, words) = told(&right);
            assert_eq!(status, 200);
            assert!(words.contains("\"everySeconds\":3600"), "{words}");
        }
        for wrong in [
            format!("org={}&name=logs", bucket.org_id),
            format!("org=org&name={ID}"),
            "org=org&name=x".to_owned(),
        ] {
            assert_eq!(told(&wrong).0, 404, "{wrong}");
        }
    }
}
