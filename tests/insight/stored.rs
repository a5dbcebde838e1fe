//! Points keep their form in the spool and stay within the schema.

use shipper::insight::derive;
use shipper::record::schema::{self, FieldType};
use shipper::record::{
    Decimal, Derived, Event, Fact, Kind, Loaded, Log, Part, Phase, Poll, Record, Residence,
    Snapshot, Value, Visitor,
};

use super::support::text;

/// Checks that a point writes only what the schema lists for its measurement.
struct WithinSchema<'a>(&'a Derived<'a>, Vec<&'static str>);

impl Visitor for WithinSchema<'_> {
    fn tag(&mut self, name: &'static str, value: &str) {
        assert!(!value.is_empty());
        self.1.push(name);
    }

    fn field(&mut self, name: &'static str, value: Value<'_>) {
        let given = match value {
            Value::Text(_) | Value::Address(_) => FieldType::Text,
            Value::Integer(_) => FieldType::Integer,
            Value::Decimal(_) => FieldType::Decimal,
        };
        let fields = self.0.measurement().fields;
        let listed = fields.iter().find(|(field, _)| *field == name);
        assert_eq!(listed.map(|(_, listed)| *listed), Some(given), "{name}");
    }
}

/// That `point` fits the schema.
pub(crate) fn fits_schema(point: &Derived<'_>) {
    let mut visitor = WithinSchema(point, Vec::new());
    point.visit(&mut visitor);
    assert_eq!(visitor.1, point.measurement().tags);
}

/// Measurement and tags of a point.
struct Series(String);

impl Visitor for Series {
    fn tag(&mut self, name: &'static str, value: &str) {
        self.0 += &format!(",{name}={value}");
    }

    fn field(&mut self, _: &'static str, _: Value<'_>) {}
}

/// That the points of one line cannot overwrite each other: they have one time.
pub(crate) fn one_point_a_series(points: &[Derived<'_>]) {
    let series = points.iter().map(|point| {
        let mut series = Series(point.measurement().name.to_owned());
        point.visit(&mut series);
        series.0
    });
    let mut series: Vec<_> = series.collect();
    series.sort_unstable();
    assert!(
        series.windows(2).all(|pair| pair[0] != pair[1]),
        "{series:?}"
    );
}

#[test]
fn a_stored_point_reads_back_as_it_was_written() {
    let lines = [
        r#"[GIN] 2026/02/25 - 18:14:52 | 200 | 17.1µs | ::1 | GET "/api/tags""#,
        r#"time=2026-03-26T23:40:07.926Z level=INFO source=device.go:256 msg="kv cache" device=CPU size="1.5 GiB""#,
        r#"time=2025-07-16T08:20:47.858Z level=INFO source=server.go:637 msg="llama runner started in 141.59 seconds""#,
        "slot print_timing: id  0 | task 4 | prompt eval time = 100.00 ms / 100 tokens ( 1.00 ms per token, 1000.00 tokens per second)",
    ];
    let mut points = Vec::new();
    for line in lines {
        derive(line, &mut points);
    }
    assert_eq!(points.len(), lines.len());
    let config = bincode::config::standard();
    let stored = bincode::serde::encode_to_vec(&points, config).unwrap();
    let (read, length): (Vec<Derived<'_>>, _) =
        bincode::serde::borrow_decode_from_slice(&stored, config).unwrap();
    assert_eq!((read, length), (points, stored.len()));
}

/// As 0.1 stored it: a version byte, the record, and its points, of which those of tokens had three numbers each.
#[test]
fn points_that_0_1_stored_are_read() {
    let record = Record::Log(Log {
        number: 1,
        message: "slot print_timing".into(),
        truncated: 0,
        pid: "".into(),
        priority: None,
        unit: "".into(),
    });
    let mut stored = Vec::new();
    record.encode(&mut stored).unwrap();
    stored[0] = 2;
    // Two points: an event (1) of kind 8 with one fact, and tokens (3) of phase 1.
    stored.extend([2, 1, 8, 1, 8, 5, 3, 1, 9, 7, 3]);
    assert!(Record::has_points(&stored));
    assert_eq!(
        Record::point_measurements(&stored),
        ["ollama_events", "ollama_tokens"]
    );
    let (read, points) = Record::decode_with_points(&stored).unwrap();
    assert_eq!(read, record);
    let points: Vec<_> = points.iter().map(text).collect();
    assert_eq!(
        points,
        [
            "events kind=vram_not_recovered count=5i",
            "tokens phase=generation ms=0.000007 tokens=9i tokens_per_second=0.000003",
        ]
    );
}

/// As they were stored before Ollama was asked: models are what their manifests say.
#[test]
fn points_of_models_without_details_are_read() {
    let snapshot = Record::Inventory(Snapshot {
        models_json: "[]".into(),
        part: None,
    });
    let mut stored = Vec::new();
    snapshot.encode(&mut stored).unwrap();
    stored[0] = 3;
    // A model (4) by its name, without a hash, its size, its manifest; tokens (3) with a cached one; another model.
    let model = [4, 1, b'a', 0, 7, 1, b'm'];
    stored.push(3);
    stored.extend(model);
    stored.extend([3, 0, 9, 0, 0, 1, 2, 0, 0]);
    stored.extend(model);
    assert!(Record::has_points(&stored));
    let (read, points) = Record::decode_with_points(&stored).unwrap();
    assert_eq!(read, snapshot);
    let points: Vec<_> = points.iter().map(text).collect();
    let model = r#"model_inventory model_name=a manifests_path="m" size=7i"#;
    assert_eq!(
        points,
        [model, "tokens phase=prompt cached=2i tokens=9i", model]
    );
}

#[test]
fn what_ollama_answered_is_stored_as_of_a_version_that_older_shippers_refuse() {
    let poll = Record::Poll(Poll {
        up: true,
        models: Some(2),
        ..Poll::default()
    });
    let loaded = |name: &'static str, residence| {
        let name = name.into();
        Derived::Loaded(Loaded { name, residence })
    };
    let residence = Residence {
        size: 4,
        size_vram: 1,
        ..Residence::default()
    };
    let points = [loaded("a", Some(residence)), loaded("b", None)];
    for points in [&points[..], &[]] {
        points.iter().for_each(fits_schema);
        let mut stored = Vec::new();
        poll.encode_with(points, &mut stored).unwrap();
        assert_eq!(stored[..2], [4, 4]);
        assert_eq!(Record::measurement(&stored), "ollama_up");
        let (read, of) = Record::decode_with_points(&stored).unwrap();
        assert_eq!((&read, &of[..]), (&poll, points));
    }
    assert_eq!(
        points.each_ref().map(text),
        [
            "loaded model_name=a gpu_share=0.25 loaded=1i size=4i size_vram=1i",
            "loaded model_name=b loaded=0i size=0i size_vram=0i",
        ]
    );
}

#[test]
fn kinds_keep_the_numbers_they_are_stored_under() {
    let config = bincode::config::standard();
    let number = |kind: Kind| bincode::serde::encode_to_vec(kind, config).unwrap();
    assert_eq!(number(Kind::ServerStart), [0]);
    assert_eq!(number(Kind::LoadDone), [12]);
    assert_eq!(number(Kind::ModelChanged), [39]);
    assert_eq!(number(Kind::LinesLost), [40]);
    assert_eq!(number(Kind::UnitStartLimit), [59]);
    for (fact, number) in [(Fact::Size(1), 23), (Fact::TotalBytes(1), 25)] {
        assert_eq!(
            bincode::serde::encode_to_vec(fact, config).unwrap(),
            [number, 1]
        );
    }
}

/// Every fact once; the last one's number, tested above, tells that none is missing.
fn facts() -> [Fact<'static>; 27] {
    let text = || "x".into();
    let number = Decimal::from_millionths(1);
    [
        Fact::Version(text()),
        Fact::Model(text()),
        Fact::ModelSha256(text()),
        Fact::Seconds(number),
        Fact::Context(1),
        Fact::Parallel(1),
        Fact::Layers(1),
        Fact::LayersTotal(1),
        Fact::Count(1),
        Fact::Error(text()),
        Fact::Limit(1),
        Fact::PromptTokens(1),
        Fact::Tokens(1),
        Fact::Truncated(1),
        Fact::Library(text()),
        Fact::Name(text()),
        Fact::Driver(text()),
        Fact::Device(text()),
        Fact::MaxLoadedModels(1),
        Fact::MaxQueue(1),
        Fact::KeepAliveSeconds(number),
        Fact::RequiredBytes(1),
        Fact::FreeBytes(1),
        Fact::Size(1),
        Fact::Blob(text()),
        Fact::TotalBytes(1),
        Fact::BusySlots(1),
    ]
}

#[test]
fn the_schema_lists_every_field_of_events_and_no_other() {
    let event = Derived::Event(Event {
        kind: Kind::Abort,
        facts: facts().to_vec(),
    });
    fits_schema(&event);
    let mut names: Vec<_> = facts().iter().map(Fact::name).collect();
    names.push("occurred");
    names.sort_unstable();
    let listed: Vec<_> = Event::MEASUREMENT
        .fields
        .iter()
        .map(|(name, _)| *name)
        .collect();
    assert_eq!(names, listed);
}

#[test]
fn names_in_the_schema_are_sorted_and_of_one_type() {
    for measurement in schema::ALL {
        assert!(measurement.tags.is_sorted(), "{}", measurement.name);
        assert!(
            measurement.fields.is_sorted_by_key(|(name, _)| *name),
            "{}",
            measurement.name
        );
        let unique = measurement
            .fields
            .windows(2)
            .all(|pair| pair[0].0 != pair[1].0);
        assert!(unique, "{}", measurement.name);
    }
    let mut names: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Kind::ALL.len());
}

#[test]
fn the_document_on_points_names_everything_that_is_written() {
    let document = include_str!("../../docs/points.md");
    let derived = schema::DERIVED;
    let tags = derived
        .iter()
        .flat_map(|measurement| measurement.tags)
        .copied();
    let fields = derived.iter().flat_map(|measurement| measurement.fields);
    let names = derived
        .iter()
        .map(|measurement| measurement.name)
        .chain(tags)
        .chain(fields.map(|(name, _)| *name))
        .chain(Kind::ALL.iter().map(|kind| kind.name()))
        .chain(Part::ALL.iter().map(|part| part.name()))
        .chain(Phase::ALL.iter().map(|phase| phase.name()));
    for name in names {
        assert!(document.contains(&format!("`{name}`")), "{name}");
    }
}
