//! The deletes that `spool purge` prints for the server.

use jiff::Timestamp;
use support::endpoint::{Endpoint, Point};
use support::influxd::{Influxd1, Server as _, Settings};
use support::journal::write_journal;

use crate::common::Host;
use crate::host;
use crate::purge::{LINES, PATTERN, SECRET, SECRETS, entries, json, texts};

/// What `influx delete` of this line would remove: the end of its range counts in.
fn is_deleted(delete: &str, point: &Point) -> bool {
    let after = |flag: &str| {
        let (_, rest) = delete.split_once(flag).unwrap();
        rest.trim_start()
    };
    let nanos = |flag: &str| {
        let time = after(flag).split(' ').next().unwrap();
        i64::try_from(time.parse::<Timestamp>().unwrap().as_nanosecond()).unwrap()
    };
    let predicate = after("--predicate").trim_matches('\'');
    let mut conditions = predicate.split(" AND ").map(|condition| {
        let (name, value) = condition.split_once('=').unwrap();
        (name, value.trim_matches('"'))
    });
    let tags: Vec<_> = point.series.split(',').skip(1).collect();
    (nanos("--start")..=nanos("--stop")).contains(&point.time)
        && conditions.all(|(name, value)| match name {
            "_measurement" => point.measurement == value,
            _ => tags.contains(&format!("{name}={value}").as_str()),
        })
}

#[test]
fn the_deletes_for_2_x_name_the_purged_points_and_no_others() {
    let endpoint = Endpoint::start().unwrap();
    let mut host = host(&endpoint, entries());
    host.succeed("run --once");
    // The configuration of today does not decide where the points of then are.
    host.set("SHIPPER_HOST", "renamed");
    host.set("INFLUXDB_BUCKET", "it's logs");
    let purged = json(&host.succeed(&format!("spool purge --match {PATTERN} --json")));
    let deletes = texts(&purged["deletes"]);
    assert_eq!(deletes.len(), SECRETS + 1, "{deletes:#?}");
    let words = r"influx delete --bucket 'it'\''s logs' --start 20";
    assert!(
        deletes.iter().all(|delete| delete.starts_with(words)),
        "{deletes:#?}"
    );
    endpoint.points(|points| {
        let gone = points
            .iter()
            .filter(|point| deletes.iter().any(|delete| is_deleted(delete, point)));
        let gone: Vec<_> = gone.collect();
        let logs = gone.iter().filter(|point| point.message().contains(SECRET));
        assert_eq!(logs.count(), SECRETS, "{deletes:#?}");
        let requests = gone
            .iter()
            .filter(|point| point.measurement == "ollama_requests");
        assert_eq!(requests.count(), 1, "{deletes:#?}");
        assert_eq!(gone.len(), SECRETS + 1, "{gone:#?}");
    });
}

#[test]
fn the_deletes_for_1_x_remove_from_a_real_server_the_purged_points_and_no_others() {
    for msg_hash_as in ["tag", "field"] {
        let server = Influxd1::start(Settings::default()).unwrap();
        let mut host = Host::new(&server.url(), "v1", &server.token());
        host.set("SHIPPER_MSG_HASH_AS", msg_hash_as);
        host.set("SHIPPER_HOST", r"it's a \host");
        std::fs::create_dir_all(host.path("journal")).unwrap();
        write_journal(&host.path("journal/system.journal"), entries()).unwrap();
        host.succeed("run --once");
        assert_eq!(server.count("ollama_logs"), LINES);
        assert_eq!(server.count("ollama_requests"), 3);
        // The configuration of today does not decide where the points of then are.
        host.set("SHIPPER_HOST", "renamed");
        let purged = json(&host.succeed(&format!("spool purge --match {PATTERN} --json")));
        for delete in texts(&purged["deletes"]) {
            server.influxql(&delete);
        }
        let mut left: Vec<_> = server
            .messages()
            .into_iter()
            .map(|(_, text)| text)
            .collect();
        let others = entries().into_iter().map(|entry| entry.message());
        let mut others: Vec<_> = others.filter(|line| !line.contains(SECRET)).collect();
        left.sort();
        others.sort();
        assert!(left == others, "{msg_hash_as}: {left:#?}");
        assert_eq!(server.count("ollama_requests"), 2, "{msg_hash_as}");
        // What was purged is no gap, nor is what another host name was configured for.
        let gaps = host.succeed("replay --gaps --dry-run");
        assert!(gaps.starts_with("0 delivered entries"), "{gaps}");
        host.succeed("replay");
        host.succeed("run --once");
        assert_eq!(server.count("ollama_logs"), others.len() as u64);
        assert_eq!(server.count("ollama_requests"), 2, "{msg_hash_as}");
    }
}
