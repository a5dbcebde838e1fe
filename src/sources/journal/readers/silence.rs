//! Why nothing comes of a unit although the journal can be read: what systemd knows of it.

use crate::base::answer::answer;
use crate::config;

/// What systemd says of a unit; empty where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct UnitOutput {
    /// `LogNamespace=`.
    pub(super) namespace: String,
    /// `StandardOutput=`: `journal`, `file:…`, `append:…`, `null`.
    target: String,
    /// `ActiveState`.
    state: String,
    /// `LoadState`.
    loaded: String,
}

impl UnitOutput {
    /// Asks `systemctl`; nothing is known when it is not there.
    pub(super) fn ask(unit: &str) -> Self {
        const PROPERTIES: &str = "--property=LogNamespace,StandardOutput,ActiveState,LoadState";
        let shown = answer("systemctl", &["show", PROPERTIES, "--", unit]);
        shown.as_deref().map(Self::parse).unwrap_or_default()
    }

    /// Reads the output of `systemctl show`.
    fn parse(shown: &str) -> Self {
        let mut unit = Self::default();
        for (name, value) in shown.lines().filter_map(|line| line.split_once('=')) {
            let field = match name {
                "LogNamespace" => &mut unit.namespace,
                "StandardOutput" => &mut unit.target,
                "ActiveState" => &mut unit.state,
                "LoadState" => &mut unit.loaded,
                _ => continue,
            };
            value.clone_into(field);
        }
        unit
    }

    /// What keeps the unit's lines out of the journal that is read.
    fn reason(&self, unit: &str, config: &config::JournalSettings) -> Option<String> {
        let is_read = |namespace: &String| {
            namespace.is_empty() || config.namespace.as_ref() == Some(namespace)
        };
        let reads_own = config.dir.is_none() && config.namespace.is_none();
        if self.loaded == "not-found" {
            return Some(format!(
                "{unit} does not exist: check SHIPPER_JOURNAL_UNITS"
            ));
        }
        if !is_read(&self.namespace) && !reads_own {
            let namespace = &self.namespace;
            return Some(format!(
                "{unit} logs into the journal namespace {namespace}, which is not read: set SHIPPER_JOURNAL_NAMESPACE={namespace}"
            ));
        }
        let is_journal = ["", "inherit", "tty", "socket"].contains(&self.target.as_str());
        if !is_journal && !self.target.starts_with("journal") && !self.target.starts_with("kmsg") {
            let target = &self.target;
            return Some(format!(
                "{unit} logs to {target}, not to the journal: remove StandardOutput= from the unit"
            ));
        }
        (self.state == "active").then(|| {
            format!("{unit} runs, and the journal has no entry of it: is this the journal of this host, and may this user read all of it?")
        })
    }
}

/// Why nothing comes of the units that are followed; `None` when nothing is known, or when they do not run.
#[must_use]
pub fn silence(config: &config::JournalSettings) -> Option<String> {
    let mut units = config.units.names().iter();
    units.find_map(|unit| UnitOutput::ask(unit).reason(unit, config))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(namespace: Option<&str>) -> config::JournalSettings {
        config::JournalSettings {
            namespace: namespace.map(str::to_owned),
            ..config::Raw::default().journal().unwrap()
        }
    }

    fn reason(shown: &str, namespace: Option<&str>) -> String {
        let unit = UnitOutput::parse(shown);
        unit.reason("ollama.service", &config(namespace))
            .unwrap_or_default()
    }

    #[test]
    fn each_reason_why_a_unit_is_silent_is_told_apart() {
        for (shown, namespace, expected) in [
            (
                "LoadState=not-found\nActiveState=inactive\n",
                None,
                "does not exist",
            ),
            (
                "LogNamespace=foo\nActiveState=active\n",
                Some("bar"),
                "SHIPPER_JOURNAL_NAMESPACE=foo",
            ),
            (
                "StandardOutput=append:/var/log/ollama.log\nActiveState=active\n",
                None,
                "logs to append:/var/log/ollama.log",
            ),
            ("StandardOutput=null\n", None, "logs to null"),
            (
                "StandardOutput=journal\nActiveState=active\n",
                None,
                "runs, and the journal has no entry",
            ),
        ] {
            let found = reason(shown, namespace);
            assert!(found.contains(expected), "{shown}: {found}");
        }
        for fine in [
            "StandardOutput=journal\nActiveState=inactive\n",
            "",
            "LogNamespace=foo\n",
        ] {
            assert_eq!(reason(fine, None), "", "{fine}");
        }
        assert_eq!(reason("LogNamespace=foo\n", Some("foo")), "");
    }
}
