//! What has to be right at a server and on the way to it, each with what fixes it: this file asks, `judge` and `holdings` say
//! what it means.

mod holdings;
mod judge;

use super::client::Client;
use super::greeting::Ping;
use super::probe;
use super::probe::HashThere;
use super::request::missing_key;
use crate::base::finding::Finding;
use crate::config::{Config, TokenSource};
use crate::sinks::{Backlogged, Checked, Outcome};

/// See [`crate::sinks::Sink::check`].
pub(super) async fn check(config: &Config, waiting: Backlogged) -> Checked {
    let mut findings = vec![token(&config.influx.token)];
    let client = match Client::new(config.influx.clone()) {
        Ok(client) => client,
        Err(error) => {
            let fix = "see INFLUXDB_CA_FILE";
            findings.push(Finding::fail("server", error.to_string(), fix));
            return only(findings);
        }
    };
    let ping = match client.ping().await {
        Ok(ping) => ping,
        Err(failure) => {
            findings.push(judge::no_server(&failure));
            return only(findings);
        }
    };
    let api = ping.spoken.api;
    let write = probe::may_write(&client, api).await;
    findings.push(judge::server(&ping, &write));
    findings.push(judge::write(&write));
    let spoken = &ping.spoken;
    let speaks_its_own = spoken.version.is_some() && spoken.own_api() == api;
    let can_ask = speaks_its_own && missing_key(&config.influx, spoken).is_none();
    if can_ask || matches!(write, Outcome::Delivered) {
        findings.extend(ask(&client, config, &ping, &write, waiting).await);
    }
    Checked {
        findings,
        skew: ping.skew,
    }
}

/// What InfluxDB itself says to questions.
async fn ask(
    client: &Client,
    config: &Config,
    ping: &Ping,
    write: &Outcome,
    waiting: Backlogged,
) -> Vec<Finding> {
    let api = ping.spoken.api;
    let series = probe::series(client, api).await;
    let there = probe::hash_there(client, api, &series).await;
    let databases = probe::databases(client, api).await;
    let keeps = probe::retention(client, api).await;
    let form = config.local.layout.msg_hash_as;
    let lookback = config.journal.lookback;
    let longest = config.journal.max_message_bytes;
    let mut findings = vec![
        judge::read(api, there.as_ref().err()),
        judge::bucket(
            &config.influx.bucket,
            api,
            write,
            &there,
            databases.as_deref(),
        ),
        holdings::retention(api, keeps, waiting, lookback),
        holdings::hash(api, form, &there),
        holdings::cardinality(api, form, series),
    ];
    findings.extend(holdings::limits(&ping.spoken, longest));
    findings
}

fn only(findings: Vec<Finding>) -> Checked {
    Checked {
        findings,
        skew: None,
    }
}

fn token(source: &TokenSource) -> Finding {
    const CHECK: &str = "token";
    let file = match source {
        TokenSource::File(file) => file,
        TokenSource::Value(token) if token.reveal().is_empty() => {
            return Finding::pass(CHECK, "none is given, as for a server that wants none");
        }
        TokenSource::Value(_) => return Finding::pass(CHECK, "given in the configuration"),
    };
    let path = file.path();
    // What was kept from before does not count: the service has only what its user may read.
    match file.read_now() {
        Ok(text) if !text.trim_ascii().is_empty() => {
            Finding::pass(CHECK, format!("read from {}", path.display()))
        }
        Ok(_) => Finding::fail(
            CHECK,
            format!("{} is empty", path.display()),
            "put the token there",
        ),
        Err(error) => {
            let found = format!("{}: {error}", path.display());
            Finding::fail(CHECK, found, "let the user of the service read it")
        }
    }
}
