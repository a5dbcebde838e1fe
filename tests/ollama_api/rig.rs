//! A host with an Ollama to ask, and what InfluxDB got of it.

use support::endpoint::Endpoint;
use support::journal::{busy, write_journal};
use support::ollama::{FakeOllama, ListedFake, OllamaRelease};

use super::common::Host;

/// A host, the Ollama that it asks, and the server that it writes to.
pub(super) struct OllamaRig {
    pub(super) host: Host,
    pub(super) ollama: FakeOllama,
    pub(super) endpoint: Endpoint,
}

/// One point: tags beside `host` with their values, then fields.
pub(super) type Told = (String, Vec<(String, String)>);

impl OllamaRig {
    pub(super) fn new(release: OllamaRelease) -> Self {
        let (endpoint, ollama) = (
            Endpoint::start().unwrap(),
            FakeOllama::start(release).unwrap(),
        );
        let mut host = Host::new(&endpoint.url(), "v2", "token");
        host.set("SHIPPER_OLLAMA_URL", &ollama.url());
        host.set("SHIPPER_TELEMETRY", "off");
        std::fs::create_dir_all(host.path("journal")).unwrap();
        write_journal(&host.path("journal/system.journal"), busy(1)).unwrap();
        Self {
            host,
            ollama,
            endpoint,
        }
    }

    /// The points of a measurement in the order of their times.
    pub(super) fn told(&self, measurement: &str) -> Vec<Told> {
        let prefix = format!("{measurement},host=testhost");
        self.endpoint.points(|points| {
            assert_eq!(points.overwritten, 0, "two points became one");
            let mut told: Vec<_> = points
                .iter()
                .filter_map(|point| {
                    let tags = point.series.strip_prefix(&prefix)?;
                    let tags = tags.strip_prefix(',').unwrap_or(tags).to_owned();
                    Some((point.time, (tags, point.fields.clone())))
                })
                .collect();
            told.sort();
            told.into_iter().map(|(_, told)| told).collect()
        })
    }

    /// One round of everything, to its end.
    pub(super) fn once(&self) {
        self.host.succeed("run --once");
    }

    /// The last `ollama_up`, as `name=value` of the fields that stay the same from run to run.
    pub(super) fn last_up(&self) -> String {
        let told = self.told("ollama_up");
        let (_, fields) = told.last().unwrap();
        let fields = fields.iter().filter(|(name, _)| name != "round_trip_ms");
        let fields: Vec<_> = fields
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        fields.join(" ")
    }
}

pub(super) fn field<'a>(told: &'a Told, name: &str) -> Option<&'a str> {
    let (_, fields) = told;
    let found = fields.iter().find(|(field, _)| field == name);
    found.map(|(_, value)| &**value)
}

pub(super) fn listed(name: &str, digit: char) -> ListedFake {
    ListedFake {
        name: name.to_owned(),
        digest: digit.to_string().repeat(64),
        size: 4_661_211_424,
        modified_at: "2026-11-27T09:05:00.123456789+01:00".to_owned(),
        is_remote: false,
    }
}
