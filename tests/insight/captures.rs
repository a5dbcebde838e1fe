//! Logs of real servers: what follows from them is what the servers' answers said.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use flate2::read::GzDecoder;
use serde_json::Value;
use shipper::insight::{Logged, Models, Reader};
use shipper::record::{Derived, Event, Fact, Request, Route, Tokens};

use super::stored::{fits_schema, one_point_a_series};

/// What follows from a log, by what it is about.
#[derive(Default)]
struct Told {
    requests: Vec<Request<'static>>,
    /// Kind → what each said of its model.
    events: BTreeMap<&'static str, Vec<Option<String>>>,
    /// Device and part → bytes, as last told.
    memory: BTreeMap<(String, &'static str), u64>,
    /// Phase → tokens, and of them from the cache and of cancelled answers.
    tokens: BTreeMap<&'static str, [u64; 3]>,
}

impl Told {
    fn add(&mut self, point: Derived<'_>) {
        match point {
            Derived::Request(request) => self.requests.push(Request {
                method: request.method,
                route: request.route,
                status: request.status,
                latency_ms: request.latency_ms,
                client: request.client,
                model: None,
            }),
            Derived::Event(event) => {
                let models = self.events.entry(event.kind.name()).or_default();
                models.push(model_of(&event));
            }
            Derived::Memory(memory) => {
                let place = (memory.device.into_owned(), memory.part.name());
                self.memory.insert(place, memory.bytes);
            }
            Derived::Tokens(tokens) => self.add_tokens(tokens),
            Derived::Model(_) | Derived::Loaded(_) => {}
        }
    }

    fn add_tokens(&mut self, tokens: Tokens) {
        let [all, cached, cancelled] = self.tokens.entry(tokens.phase.name()).or_default();
        *all += tokens.tokens;
        *cached += tokens.cached.unwrap_or(0);
        *cancelled += tokens.cancelled.unwrap_or(0);
    }

    fn count(&self, kind: &str) -> u64 {
        self.events.get(kind).map_or(0, Vec::len) as u64
    }
}

fn model_of(event: &Event<'_>) -> Option<String> {
    event.facts.iter().find_map(|fact| match fact {
        Fact::ModelSha256(digest) => Some(digest.to_string()),
        _ => None,
    })
}

fn path(version: &str, end: &str) -> std::path::PathBuf {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/insight/captures");
    dir.join(format!("{version}.{end}"))
}

fn told(version: &str) -> Told {
    let log = unpacked(version, "log.gz");
    let (mut reader, mut told) = (Reader::default(), Told::default());
    reader.set_models(Models::default());
    for line in log.lines() {
        let mut points = Vec::new();
        reader.derive(line, &mut points);
        points.iter().for_each(fits_schema);
        one_point_a_series(&points);
        points.into_iter().for_each(|point| told.add(point));
    }
    told
}

/// The lines of a capture, each with its moment in microseconds since the Unix epoch.
fn timed(version: &str) -> Vec<(u64, String)> {
    let (log, times) = (unpacked(version, "log.gz"), unpacked(version, "times.gz"));
    let mut now = 0;
    let times = times.lines().map(|since| {
        now += since.parse::<u64>().unwrap();
        now
    });
    times.zip(log.lines().map(ToOwned::to_owned)).collect()
}

fn unpacked(version: &str, end: &str) -> String {
    let file = std::fs::File::open(path(version, end)).unwrap();
    let mut text = String::new();
    GzDecoder::new(file).read_to_string(&mut text).unwrap();
    text
}

fn truth(version: &str) -> Value {
    serde_json::from_slice(&std::fs::read(path(version, "truth.json")).unwrap()).unwrap()
}

/// Sums a number of all requests whose client stayed.
fn answered(truth: &Value, number: impl Fn(&Value) -> Option<u64>) -> u64 {
    let requests = truth["requests"].as_array().unwrap().iter();
    requests
        .filter(|request| request["hung_up"].is_null())
        .filter_map(number)
        .sum()
}

#[test]
fn every_request_is_told_once_with_route_status_and_latency() {
    for version in ["0.24.0", "0.33.0-rc2"] {
        let (mut told, truth) = (told(version).requests, truth(version));
        for request in truth["requests"].as_array().unwrap() {
            // No byte of the answer came: its status is the server's alone, and the client was gone before the server knew.
            let status = request["status"].as_u64();
            let ms = request["ms"].as_f64().unwrap();
            let route = Route::ALL
                .iter()
                .find(|route| is_of(**route, &request["path"]));
            let own = told.iter().position(|told| {
                let latency = told.latency_ms.millionths() as f64 / 1e6;
                let hung_up = !request["hung_up"].is_null();
                told.method.name() == request["method"]
                    && told.route == *route.unwrap_or(&Route::Other)
                    && status.is_none_or(|status| u64::from(told.status) == status)
                    // Above a minute GIN prints whole seconds.
                    && (hung_up || (latency - ms).abs() <= 20.0)
            });
            let own = own.unwrap_or_else(|| panic!("{version}: {request}"));
            told.remove(own);
        }
        assert!(told.is_empty(), "{version}: {told:?}");
    }
}

fn is_of(route: Route, path: &Value) -> bool {
    let path = path.as_str().unwrap();
    let path = path.split('?').next().unwrap();
    match route.name().split_once(':') {
        Some((fixed, _)) => path.len() > fixed.len() && path.starts_with(fixed),
        None => path == route.name(),
    }
}

#[test]
fn every_load_is_told_once_with_its_model_and_so_is_every_one_that_failed_or_was_given_up() {
    for version in ["0.24.0", "0.33.0-rc2"] {
        let (told, truth) = (told(version), truth(version));
        let done = told.events.get("load_done").unwrap();
        assert_eq!(
            done.len() as u64,
            truth["loads"].as_u64().unwrap(),
            "{version}"
        );
        assert!(done.iter().all(Option::is_some), "{version}: {done:?}");
        let failed =
            |request: &&Value| request["status"] == 500 && request["path"] == "/api/generate";
        let failed = truth["requests"]
            .as_array()
            .unwrap()
            .iter()
            .filter(failed)
            .count();
        assert_eq!(told.count("load_failed"), failed as u64, "{version}");
        let given_up = told.events.get("load_aborted").cloned().unwrap_or_default();
        assert_eq!(
            given_up.len() as u64,
            truth["hung_up_in_load"].as_u64().unwrap()
        );
        assert!(given_up.iter().all(Option::is_some), "{given_up:?}");
    }
}

#[test]
fn a_runner_that_was_killed_is_one_crash_and_an_unload_is_none() {
    for version in ["0.24.0", "0.33.0-rc2"] {
        let (told, truth) = (told(version), truth(version));
        let killed = truth["killed_runners"].as_u64().unwrap();
        assert_eq!(told.count("crash"), killed, "{version}");
        assert_eq!(told.count("runner_gone"), killed, "{version}");
    }
}

#[test]
fn unloads_are_told_once_each_where_the_level_is_debug() {
    assert_eq!(told("0.33.0-rc2").count("unload"), 3);
    assert_eq!(told("0.24.0").count("unload"), 0);
}

#[test]
fn tokens_of_0_33_are_those_of_the_answers_and_those_of_cancelled_ones_are_told_beside() {
    let (told, truth) = (told("0.33.0-rc2"), truth("0.33.0-rc2"));
    let prompt = answered(&truth, |request| request["prompt_eval_count"].as_u64());
    let generated = answered(&truth, |request| request["eval_count"].as_u64());
    let [read, cached, _] = told.tokens["prompt"];
    assert_eq!(read, prompt);
    assert_eq!(cached, 12);
    let [written, _, cancelled] = told.tokens["generation"];
    assert_eq!(written - cancelled, generated);
    // The client got 30 of them before it hung up.
    assert_eq!(cancelled, 38);
    assert_eq!(told.tokens["prompt_cancelled"], [60, 7, 0]);
    assert_eq!(told.count("abort"), 1);
    assert_eq!(told.tokens.len(), 3);
}

/// Of the clients that hung up after the load, 0.24 tells only those that waited for a slot, and prints no tokens at any level.
#[test]
fn of_0_24_only_what_its_log_says_is_told() {
    let told = told("0.24.0");
    let waiting = truth("0.24.0")["hung_up_while_waiting"].as_u64().unwrap();
    assert_eq!(told.count("abort"), waiting);
    assert!(told.tokens.is_empty());
}

#[test]
fn memory_of_a_loaded_model_is_the_sum_of_its_buffers() {
    let told = told("0.33.0-rc2");
    let bytes = |part| told.memory[&("CPU".to_owned(), part)];
    let mib = |hundredths: u64| hundredths * (1 << 20) / 100;
    // The last model that was loaded has one cache. That of the sliding window before it has two: see `loads.rs`.
    assert_eq!(bytes("kv_cache"), mib(50));
    assert!(bytes("weights").abs_diff(mib(41)) < 2 && bytes("compute").abs_diff(mib(301)) < 2);
}

/// How far a request's line may be from its last byte: both were 20 ms apart at most.
const NEAR_MICROS: u64 = 50_000;

#[test]
fn a_request_that_has_a_model_has_the_one_that_was_asked_for() {
    for (version, at_least) in [("0.24.0", 20), ("0.33.0-rc2", 2)] {
        let known: Value =
            serde_json::from_slice(&std::fs::read(path(version, "models.json")).unwrap()).unwrap();
        let mut reader = Reader::default();
        reader.set_models(Models::from_json(&known["inventory"].to_string()).unwrap());
        let mut named = 0;
        for (time, message) in timed(version) {
            let mut points = Vec::new();
            let line = Logged {
                process: "1",
                time: Some(time),
                message: &message,
            };
            reader.read(line, &mut points);
            let [Derived::Request(request)] = &points[..] else {
                continue;
            };
            let Some(model) = request
                .model
                .as_ref()
                .filter(|_| request.route != Route::OpenAiModel)
            else {
                continue;
            };
            let asked = known["answered"].as_array().unwrap().iter();
            let asked = asked.filter(|asked| is_of(request.route, &asked["path"]));
            let far = |asked: &&Value| asked["end"].as_u64().unwrap().abs_diff(time);
            let asked = asked.min_by_key(far).unwrap();
            assert!(far(&asked) < NEAR_MICROS, "{version} {message}");
            let asked = asked["model"].as_str().unwrap();
            let full = format!("{asked}:latest");
            let mut names = model.split(", ");
            assert!(
                names.any(|name| name == asked || name == full),
                "{version} {message}: {model}, asked for {asked}"
            );
            named += 1;
        }
        println!("{version}: {named} requests have a model");
        assert!(named >= at_least, "{version}: {named}");
    }
}
