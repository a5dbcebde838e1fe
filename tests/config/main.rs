//! Configuration: what is accepted, what is refused and how, and that the documents say so.

mod documents;

use std::io::Write as _;
use std::time::Duration;

use shipper::config::{Catchup, Config, KEYS, NamedFile, Preset, Raw, ReaderChoice, TokenSource};
use shipper::record::layout::MsgHashAs;

const REQUIRED: &[(&str, &str)] = &[
    ("INFLUXDB_URL", "http://127.0.0.1:8086"),
    ("INFLUXDB_TOKEN", "s3cr3t-token"),
    ("INFLUXDB_ORG", "home"),
    ("INFLUXDB_BUCKET", "ollama"),
];

fn environment(more: &[(&str, &str)]) -> Vec<(String, String)> {
    REQUIRED
        .iter()
        .chain(more)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Gathers from an empty file, so that a file of the host plays no part.
fn gather(environment: Vec<(String, String)>, flags: &[&str]) -> Raw {
    let file = tempfile::NamedTempFile::new().unwrap();
    let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
    Raw::gather(Some(file.path()), environment, &flags).unwrap()
}

fn config(more: &[(&str, &str)]) -> Config {
    gather(environment(more), &[]).config().unwrap()
}

fn complaint(more: &[(&str, &str)]) -> String {
    let invalid = gather(environment(more), &[]).config();
    invalid.unwrap_err().to_string()
}

#[test]
fn the_four_keys_of_the_original_are_enough() {
    let config = config(&[("SHIPPER_HOST", "gpu1")]);
    assert_eq!(config.local.layout.host, "gpu1");
    assert_eq!(config.influx.api, None);
    assert_eq!(config.influx.url.as_str(), "http://127.0.0.1:8086/");
    assert_eq!(config.journal.units.names(), ["ollama.service"]);
    assert_eq!(config.journal.reader, ReaderChoice::Files);
    assert_eq!(config.journal.lookback, Duration::from_secs(24 * 3600));
    assert_eq!(config.journal.poll_interval, Duration::from_secs(10));
    assert_eq!(config.inventory.interval, Duration::from_secs(3600));
    assert_eq!(config.local.spool.max_bytes, 2 << 30);
    assert_eq!(config.forward.batch_bytes, 4 << 20);
    assert_eq!(config.forward.catchup, Catchup::Interleave);
    assert_eq!(config.forward.max_rate, None);
    assert_eq!(config.local.layout.msg_hash_as, MsgHashAs::Tag);
}

#[test]
fn every_problem_is_reported_at_once_with_what_is_accepted() {
    let raw = gather(
        vec![
            ("INFLUXDB_URL".into(), "ftp://x".into()),
            ("INFLUXDB_API".into(), "v2".into()),
            ("SHIPPER_GZIP".into(), "yes".into()),
            ("SHIPPER_RETRY_MIN".into(), "2m".into()),
            ("SHIPPER_RETRY_MAX".into(), "1s".into()),
            ("SHIPPER_SPOOL_DRI".into(), "/x".into()),
        ],
        &[],
    );
    let text = raw.config().unwrap_err().to_string();
    for expected in [
        "INFLUXDB_URL=\"ftp://x\" is not accepted: it takes an http:// or https:// address",
        "INFLUXDB_TOKEN is not set",
        "INFLUXDB_ORG is not set",
        "INFLUXDB_BUCKET is not set",
        "SHIPPER_GZIP=\"yes\" is not accepted: it takes on or off",
        "SHIPPER_RETRY_MAX=\"1s\" is not accepted: it takes a duration from SHIPPER_RETRY_MIN to 1h",
        "SHIPPER_SPOOL_DRI (in the environment) is not a key of shipper: did you mean SHIPPER_SPOOL_DIR?",
    ] {
        assert!(
            text.contains(expected),
            "{expected:?} is missing in:\n{text}"
        );
    }
    assert_eq!(text.lines().count(), 7, "{text}");
}

#[test]
fn secrets_never_appear_in_errors_or_debug_output() {
    let token = complaint(&[("INFLUXDB_TOKEN", "hunter2 with spaces")]);
    assert!(token.contains("INFLUXDB_TOKEN=\"***\""), "{token}");
    let url = complaint(&[("INFLUXDB_URL", "http://admin:hunter2@host:8086")]);
    let unparsable = complaint(&[("INFLUXDB_URL", "http://admin:hunter2@host:port")]);
    let debug = format!("{:?}", config(&[("INFLUXDB_TOKEN", "hunter2")]));
    for text in [token, url, unparsable, debug] {
        assert!(!text.contains("hunter2"), "{text}");
    }
    let flag = ["INFLUXDB_TOKEN=hunter2".to_owned()];
    let file = tempfile::NamedTempFile::new().unwrap();
    let refused = Raw::gather(Some(file.path()), [], &flag)
        .unwrap_err()
        .to_string();
    assert!(refused.contains("file or the environment") && !refused.contains("hunter2"));
}

#[test]
fn flags_win_over_the_environment_and_the_environment_over_the_file() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(
        file,
        "SHIPPER_HOST=from-file\nSHIPPER_BATCH_LINES=1\nSHIPPER_IN_FLIGHT=1"
    )
    .unwrap();
    let environment = environment(&[("SHIPPER_HOST", "from-env"), ("SHIPPER_BATCH_LINES", "2")]);
    let flags = ["SHIPPER_HOST=from-flag".to_owned()];
    let config = Raw::gather(Some(file.path()), environment, &flags)
        .unwrap()
        .config()
        .unwrap();
    assert_eq!(config.local.layout.host, "from-flag");
    assert_eq!(config.forward.batch_lines, 2);
    assert_eq!(config.forward.in_flight, Some(1));
}

#[test]
fn a_file_that_is_missing_or_malformed_is_named_and_its_content_is_not_shown() {
    let missing = Raw::gather(Some("/nonexistent/config.env".as_ref()), [], &[]);
    let text = missing.unwrap_err().to_string();
    assert!(
        text.contains("/nonexistent/config.env") && text.contains("--config"),
        "{text}"
    );
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "SHIPPER_HOST=a\nINFLUXDB_TOKEN=hunter2 and more").unwrap();
    let text = Raw::gather(Some(file.path()), [], &[])
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("after 1 keys") && text.contains("single quotes"),
        "{text}"
    );
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn a_misspelt_influxdb_key_of_the_file_is_an_error_and_a_foreign_one_of_the_environment_is_not() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "INFLUXDB_CA_FIEL=/x\nOLLAMA_HOST=0.0.0.0").unwrap();
    let foreign = environment(&[("INFLUXDB_ADMIN_USER", "root"), ("OLLAMA_DEBUG", "1")]);
    let raw = Raw::gather(Some(file.path()), foreign, &[]).unwrap();
    let text = raw.config().unwrap_err().to_string();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("did you mean INFLUXDB_CA_FILE?"), "{text}");
}

#[test]
fn only_influxdb_2_needs_organisation_and_token_and_only_where_it_is_named_before_the_start() {
    for api in ["", "auto", "v1", "v2", "v3"] {
        let given = [
            ("INFLUXDB_URL", "http://h:8086"),
            ("INFLUXDB_API", api),
            ("INFLUXDB_BUCKET", "db/rp"),
        ];
        let given = given.map(|(key, value)| (key.to_owned(), value.to_owned()));
        match gather(given.into(), &[]).config() {
            Ok(config) => {
                let token = config.influx.token;
                assert!(matches!(token, TokenSource::Value(token) if token.reveal().is_empty()));
                assert_eq!(config.influx.org, "");
                assert_ne!(api, "v2");
            }
            Err(error) => {
                let text = error.to_string();
                assert_eq!(api, "v2", "{text}");
                assert!(text.contains("INFLUXDB_TOKEN is not set"), "{text}");
                assert!(text.contains("INFLUXDB_ORG is not set"), "{text}");
            }
        }
    }
}

#[test]
fn the_token_comes_from_one_place() {
    let both = complaint(&[("INFLUXDB_TOKEN_FILE", "/run/token")]);
    assert!(
        both.contains("INFLUXDB_TOKEN and INFLUXDB_TOKEN_FILE are both set"),
        "{both}"
    );
    let credentials = tempfile::tempdir().unwrap();
    std::fs::write(credentials.path().join("influxdb-token"), "x").unwrap();
    let mut environment = environment(&[("INFLUXDB_TOKEN", "")]);
    let directory = credentials.path().to_str().unwrap().to_owned();
    environment.push(("CREDENTIALS_DIRECTORY".to_owned(), directory));
    let config = gather(environment, &[]).config().unwrap();
    let expected = TokenSource::File(NamedFile::new(credentials.path().join("influxdb-token")));
    assert_eq!(config.influx.token, expected);
}

#[test]
fn unit_names_that_journalctl_would_take_for_patterns_are_refused() {
    for bad in [
        "ollama",
        "ollama*.service",
        "",
        "a.service,,b.service",
        "-D.service",
    ] {
        if bad.is_empty() {
            assert_eq!(
                config(&[("SHIPPER_JOURNAL_UNITS", bad)])
                    .journal
                    .units
                    .names()
                    .len(),
                1
            );
        } else {
            assert!(
                complaint(&[("SHIPPER_JOURNAL_UNITS", bad)]).contains("unit names"),
                "{bad}"
            );
        }
    }
    let two = config(&[("SHIPPER_JOURNAL_UNITS", "ollama.service, ollama@2.service")]);
    assert_eq!(
        two.journal.units.names(),
        ["ollama.service", "ollama@2.service"]
    );
}

#[test]
fn every_default_and_example_is_accepted_and_every_key_is_described() {
    for key in KEYS {
        assert!(
            key.help.ends_with('.') && !key.accepts().is_empty(),
            "{key:?}"
        );
        assert!(
            !key.help.contains('|') && !key.accepts().contains('|'),
            "{key:?}: it stands in a table"
        );
        if let Preset::Default(text) | Preset::Required(text) = key.preset {
            config(&[(key.name, text)]);
        }
    }
}

#[test]
fn a_value_at_its_bounds_is_accepted_and_one_beyond_them_is_not() {
    for key in KEYS {
        let accepts = key.accepts();
        let bounds = accepts
            .split_once(" from ")
            .and_then(|(_, bounds)| bounds.split_once(" to "));
        let Some((least, most)) = bounds else {
            continue;
        };
        for bound in [least, most]
            .into_iter()
            .filter(|bound| !bound.starts_with("SHIPPER_"))
        {
            config(&[("SHIPPER_RETRY_MAX", "1h"), (key.name, bound)]);
        }
    }
    for (name, beyond) in [
        ("SHIPPER_POLL_INTERVAL", ["99ms", "3601s"]),
        ("SHIPPER_INVENTORY_INTERVAL", ["9s", "31d"]),
        ("SHIPPER_LOOKBACK", ["-1s", "3651d"]),
        ("SHIPPER_MAX_MESSAGE_BYTES", ["1023", "1000001"]),
        ("SHIPPER_SPOOL_MAX_BYTES", ["63MiB", "2PiB"]),
        ("SHIPPER_SPOOL_RETENTION", ["-1s", "3651d"]),
        ("SHIPPER_BATCH_LINES", ["0", "100001"]),
        ("SHIPPER_BATCH_BYTES", ["63KiB", "33MiB"]),
        ("SHIPPER_BATCH_LINGER", ["-1s", "61s"]),
        ("SHIPPER_REQUEST_TIMEOUT", ["999ms", "11m"]),
        ("SHIPPER_RETRY_MIN", ["9ms", "11m"]),
        ("SHIPPER_RETRY_MAX", ["999ms", "61m"]),
        ("SHIPPER_IN_FLIGHT", ["0", "17"]),
        ("SHIPPER_MAX_RATE", ["0", "10000001"]),
    ] {
        for text in beyond {
            let said = complaint(&[(name, text)]);
            assert!(
                said.starts_with(&format!("{name}={text:?} is not accepted")),
                "{said}"
            );
            assert_eq!(said.lines().count(), 1, "{said}");
        }
    }
}

#[test]
fn a_filter_of_the_log_names_levels_and_targets_and_costs_nothing() {
    for filter in ["warn", "warn,shipper=debug", "off", "hyper=info,trace"] {
        assert_eq!(config(&[("SHIPPER_LOG", filter)]).local.log, filter);
    }
    // Found by fuzzing: patterns of fields take gigabytes to compile.
    let patterns = format!("info[span{{x=\"{}\"}}]", ".{9}".repeat(100));
    for filter in [
        patterns.as_str(),
        "info{{{{.{{{{[{{{{",
        "[a]=info",
        // Found by fuzzing as well: the library's parser panics.
        "info,  a\u{a0}\u{a0}b=\u{a0}c",
    ] {
        let complaint = complaint(&[("SHIPPER_LOG", filter)]);
        assert!(complaint.contains("SHIPPER_LOG"), "{complaint}");
    }
}
