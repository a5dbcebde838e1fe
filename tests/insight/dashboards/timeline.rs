//! The timeline of loads, which is in place of a Gantt chart.

use ::support::influxd::{Influxd1, Server as _, Settings};

use super::queries::queries;
use super::with_variables;
use crate::common::Host;
use crate::whole_way::{day, fill};

/// As the panel cuts it up: the states of each model, in the order of their times.
#[test]
fn the_timeline_has_each_model_from_the_start_of_its_load_to_its_unload_and_requests_beneath() {
    let server = Influxd1::start(Settings::default()).unwrap();
    let mut day = day();
    day.unload();
    let mut host = Host::new(&server.url(), server.api(), &server.token());
    host.set("INFLUXDB_BUCKET", &server.bucket());
    fill(&host, &day);
    host.succeed("run --once");
    let of_timeline = queries()
        .into_iter()
        .filter(|query| query.place.starts_with("timeline.json: ") && !query.is_of_variable());
    let queries: Vec<_> = of_timeline.collect();
    let [loads, requests] = &queries[..] else {
        panic!("{} queries", queries.len());
    };
    let answer = server.influxql(&with_variables(&loads.text));
    let rows = answer["results"][0]["series"][0]["values"].as_array();
    let states: Vec<_> = rows.unwrap().iter().map(|row| (&row[1], &row[2])).collect();
    let model = &serde_json::json!("llama3:8b");
    let expected = ["load_start", "load_done", "unload"].map(serde_json::Value::from);
    let expected: Vec<_> = expected.iter().map(|state| (model, state)).collect();
    assert_eq!(states, expected);

    let answer = server.influxql(&with_variables(&requests.text));
    let routes = answer["results"][0]["series"].as_array().unwrap().iter();
    let answered: f64 = routes
        .flat_map(|route| route["values"].as_array().unwrap())
        .filter_map(|row| row[1].as_f64())
        .sum();
    let known: f64 = day.known.requests.values().map(|(count, _)| count).sum();
    assert_eq!(answered, known);
}
