//! The way to the server: real TLS with certificates made here, names that do not resolve, proxies.

use std::process::Command;
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use shipper::config::NamedFile;
use shipper::counters::forward::ForwardStatus;
use support::endpoint::{Endpoint, Points};
use tempfile::NamedTempFile;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::rig::Rig;

/// An endpoint whose certificate is for `name`, and that certificate.
fn endpoint_for(name: &str) -> (Endpoint, NamedTempFile) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let ca = NamedTempFile::new().unwrap();
    std::fs::write(ca.path(), cert.pem()).unwrap();
    (Endpoint::start_tls(config).unwrap(), ca)
}

async fn held(rig: &Rig) -> ForwardStatus {
    let mut running = rig.start_drain();
    let status = running.until("a hold", |status| status.holds > 0).await;
    running.stop().await;
    assert_eq!(rig.stats().await.pending, 1);
    status
}

#[tokio::test]
async fn a_server_with_a_certificate_of_the_named_ca_gets_the_lines() {
    let (endpoint, ca) = endpoint_for("localhost");
    let mut rig = Rig::to_endpoint(&endpoint);
    rig.config.influx.ca_file = Some(NamedFile::new(ca.path().to_owned()));
    rig.append(["a"]).await;
    rig.drain().await;
    assert_eq!(endpoint.points(Points::messages), ["a"]);
}

#[tokio::test]
async fn a_certificate_for_another_host_holds() {
    let (endpoint, ca) = endpoint_for("elsewhere.example");
    let mut rig = Rig::to_endpoint(&endpoint);
    rig.config.influx.ca_file = Some(NamedFile::new(ca.path().to_owned()));
    rig.append(["a"]).await;
    let error = held(&rig).await.last_error.unwrap();
    assert!(
        error.contains("INFLUXDB_CA_FILE") && error.contains("INFLUXDB_URL"),
        "{error}"
    );
    assert!(endpoint.seen().is_empty());
}

#[tokio::test]
async fn a_certificate_of_an_unknown_ca_holds() {
    let (endpoint, _) = endpoint_for("localhost");
    let (_, other_ca) = endpoint_for("localhost");
    let mut rig = Rig::to_endpoint(&endpoint);
    rig.config.influx.ca_file = Some(NamedFile::new(other_ca.path().to_owned()));
    rig.append(["a"]).await;
    let error = held(&rig).await.last_error.unwrap();
    assert!(error.contains("INFLUXDB_CA_FILE"), "{error}");
    assert!(endpoint.seen().is_empty());
}

#[tokio::test]
async fn a_host_that_does_not_resolve_holds() {
    let mut rig = Rig::new("http://no-such-host.invalid:8086", "v2", "token", "logs");
    rig.config.influx.request_timeout = Duration::from_secs(30);
    rig.append(["a"]).await;
    let error = held(&rig).await.last_error.unwrap();
    assert!(error.contains("does not resolve"), "{error}");
}

#[tokio::test]
async fn a_ca_file_without_a_certificate_is_an_error_that_names_it() {
    let (endpoint, ca) = endpoint_for("localhost");
    std::fs::write(ca.path(), "nothing").unwrap();
    let mut config = Rig::to_endpoint(&endpoint).config.influx.clone();
    config.ca_file = Some(NamedFile::new(ca.path().to_owned()));
    let error = shipper::sinks::Configured::open(&config)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("INFLUXDB_CA_FILE") && error.contains("no certificate"),
        "{error}"
    );
}

/// Names the server to a child of this test, whose environment names the proxy.
const CHILD: &str = "SHIPPER_TEST_SERVER_BEHIND_A_PROXY";

#[tokio::test]
async fn the_proxy_of_the_environment_is_used() {
    if let Ok(url) = std::env::var(CHILD) {
        let mut rig = Rig::new(&url, "v2", "token", "logs");
        rig.append(["a"]).await;
        rig.drain().await;
        assert_eq!(rig.assert_settled().await.delivered, 1);
        return;
    }
    let proxy = Endpoint::start().unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tls::the_proxy_of_the_environment_is_used"])
        .env(CHILD, "http://influx.invalid:8086")
        .env("http_proxy", proxy.url())
        .env_remove("no_proxy")
        .env_remove("NO_PROXY")
        .output()
        .unwrap();
    assert!(child.status.success(), "{child:?}");
    let seen = proxy.seen();
    let target = &seen[0].target;
    assert!(
        target.starts_with("POST http://influx.invalid:8086/api/v2/write"),
        "{target}"
    );
    assert_eq!(proxy.points(Points::messages), ["a"]);
}
