//! What others on this host, or on the way to the server, could read or replace.

use std::path::Path;

use super::Finding;
use crate::base::owner::{other_reader, weak_point};
use crate::config::{Config, NamedFile, TokenSource};

const ENCRYPTION: &str = "encryption";
const PERMISSIONS: &str = "permissions";

/// Where install.sh and systemd keep the token: systemd.exec(5), `LoadCredential=`.
const CREDENTIAL: &str = "/etc/credstore/ollama-influxdb-token";

/// Each of it; one finding that all is well where there is nothing. `configuration` is the file that a secret stands in.
#[must_use]
pub(crate) fn findings(config: &Config, configuration: Option<&Path>) -> Vec<Finding> {
    let mut findings = vec![encryption(config)];
    let exposed: Vec<_> = secrets(config, configuration)
        .into_iter()
        .chain(certificates(config))
        .chain(spool(config))
        .collect();
    if exposed.is_empty() {
        let found = "nobody else can read the token, or write to spool and certificates";
        findings.push(Finding::pass(PERMISSIONS, found));
    }
    findings.extend(exposed);
    findings
}

/// Whether the token goes over a network for everybody to read.
fn encryption(config: &Config) -> Finding {
    let influx = &config.influx;
    let has_token = match &influx.token {
        TokenSource::Value(token) => !token.reveal().is_empty(),
        TokenSource::File(_) => true,
    };
    if influx.url.scheme() == "https" {
        return Finding::pass(ENCRYPTION, "the server is reached by TLS");
    }
    if influx.url.is_this_host() {
        return Finding::pass(ENCRYPTION, "the server is on this host");
    }
    let found = format!("everything goes to {} in clear text", influx.url);
    match has_token {
        true => Finding::warn(
            ENCRYPTION,
            format!("{found}, the token as well"),
            "use https:// in INFLUXDB_URL, with INFLUXDB_CA_FILE for a certificate of your own",
        ),
        false => Finding::warn(ENCRYPTION, found, "use https:// in INFLUXDB_URL"),
    }
}

fn secrets(config: &Config, configuration: Option<&Path>) -> Vec<Finding> {
    let token_file = match &config.influx.token {
        TokenSource::File(file) => Some(file.path()),
        TokenSource::Value(_) => None,
    };
    let files = [configuration, token_file, Some(Path::new(CREDENTIAL))];
    let read = |file: &Path| {
        let reader = other_reader(file)?;
        let file = file.display();
        let found = format!("{reader} can read the token in {file}");
        let fix = format!(
            "chown root {file}, with the group of the service; chmod 640 {file}; then make a new token, and revoke this one"
        );
        Some(Finding::warn(PERMISSIONS, found, fix))
    };
    let replaced = |file: &Path| {
        replaceable(
            file,
            "decides what is sent, and where to",
            "the token's file",
        )
    };
    let files = files.into_iter().flatten();
    files
        .flat_map(|file| [read(file), replaced(file)])
        .flatten()
        .collect()
}

fn certificates(config: &Config) -> Option<Finding> {
    let file = config.influx.ca_file.as_ref().map(NamedFile::path)?;
    replaceable(
        file,
        "decides whom the shipper takes for the server",
        "INFLUXDB_CA_FILE",
    )
}

fn spool(config: &Config) -> Option<Finding> {
    let dir = &config.local.spool.dir;
    replaceable(
        dir,
        "can replace what waits to be sent",
        "SHIPPER_SPOOL_DIR",
    )
}

fn replaceable(path: &Path, harm: &str, key: &str) -> Option<Finding> {
    // What cannot be looked at is said by the check of its own.
    let weak = weak_point(path).ok()??;
    let found = format!("{weak}: whoever can write there {harm} ({key})");
    let fix = "let root and the user of the service alone write there: chmod go-w, or chown";
    Some(Finding::warn(PERMISSIONS, found, fix))
}
