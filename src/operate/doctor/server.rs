//! What is asked of the server.

use std::time::Duration;

use super::{Finding, judge};
use crate::config::{Config, TokenSource};
use crate::sinks::influxdb::client::{Body, Encoding};
use crate::sinks::influxdb::{Client, decide, probe};

/// Every check that needs the server; `oldest` is the age of the oldest pending entry. The last one is the clock's,
/// `synchronised` what this host says of it.
pub async fn checks(config: &Config, oldest: Duration, synchronised: Option<bool>) -> Vec<Finding> {
    let mut findings = vec![token(&config.influx.token)];
    let client = match Client::new(config.influx.clone()) {
        Ok(client) => client,
        Err(error) => {
            findings.push(Finding::fail(
                "server",
                error.to_string(),
                "see INFLUXDB_CA_FILE",
            ));
            findings.push(judge::clock(synchronised, None));
            return findings;
        }
    };
    let greeting = probe::greet(&client).await;
    match &greeting {
        Ok(greeting) => {
            let version = greeting.version.as_deref().unwrap_or("of unknown version");
            findings.push(Finding::pass(
                "server",
                format!("InfluxDB {version} answers"),
            ));
            findings.push(write(&client).await);
            findings.push(retention(&client, oldest).await);
            let values = probe::msg_hash_values(&client).await.ok().flatten();
            let form = config.local.layout.msg_hash_as;
            findings.push(judge::cardinality(config.influx.api, form, values));
        }
        Err(reason) => {
            let mend = "check INFLUXDB_URL, the network and the server; entries are kept meanwhile";
            findings.push(Finding::fail("server", reason.clone(), mend));
        }
    }
    let skew = greeting.ok().and_then(|greeting| greeting.skew);
    findings.push(judge::clock(synchronised, skew));
    findings
}

fn token(source: &TokenSource) -> Finding {
    const CHECK: &str = "token";
    let TokenSource::File(path) = source else {
        return Finding::pass(CHECK, "given in the configuration");
    };
    match std::fs::read_to_string(path) {
        Ok(text) if !text.trim().is_empty() => {
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

/// A write without points: 1.x answers 204, 2.x misses them once token and bucket are checked.
async fn write(client: &Client) -> Finding {
    let body = Body {
        bytes: Vec::new().into(),
        encoding: Encoding::Identity,
    };
    judge::write(&decide(&client.write(body).await))
}

async fn retention(client: &Client, oldest: Duration) -> Finding {
    match probe::retention(client).await {
        Ok(kept) => judge::retention(kept, oldest),
        Err(reason) => {
            let mend =
                "give the token leave to read the bucket, or compare with the backlog by hand";
            Finding::warn("retention", format!("cannot be read: {reason}"), mend)
        }
    }
}
