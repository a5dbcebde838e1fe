//! What is followed, and what `journalctl -u` matches for it (pure).

use journal::Filter;

use crate::config::{self, Units};

/// `MESSAGE_ID` of core dumps.
const COREDUMP: &str = "MESSAGE_ID=fc2e22bc6ee647b6b90729ab34a250b1";
/// What a label of a unit of a user's manager begins with.
const USER: &str = "user:";
/// What a label of a container begins with.
const CONTAINER: &str = "container:";

/// Something whose entries are read, by its label: the name of a unit, or one of these words and a name. The label is part of what
/// identifies an entry, so that it never changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Followed(String);

impl Followed {
    /// A unit of the system.
    #[must_use]
    pub fn unit(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// A unit of users' managers.
    #[must_use]
    pub fn user_unit(name: &str) -> Self {
        Self(format!("{USER}{name}"))
    }

    /// A container that Docker or Podman logs to journald for.
    #[must_use]
    pub fn container(name: &str) -> Self {
        Self(format!("{CONTAINER}{name}"))
    }

    /// One that was stored.
    #[must_use]
    pub fn from_label(label: String) -> Self {
        Self(label)
    }

    /// What identifies it.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.0
    }
}

/// Everything that is to be followed by this configuration.
#[must_use]
pub fn followed(config: &config::JournalSettings) -> Vec<Followed> {
    let units = config.units.names().iter().map(|name| Followed::unit(name));
    let user_units = config.user_units.iter().flat_map(Units::names);
    let containers = config.containers.iter().flatten();
    units
        .chain(user_units.map(|name| Followed::user_unit(name)))
        .chain(containers.map(|name| Followed::container(name)))
        .collect()
}

/// The filter for all that is followed; its labels are places in `followed`.
#[must_use]
pub fn filter(followed: &[Followed]) -> Filter {
    let mut filter = Filter::default();
    for (label, one) in followed.iter().enumerate() {
        let name = one.label();
        if let Some(name) = name.strip_prefix(USER) {
            filter.add(label, &[format!("_SYSTEMD_USER_UNIT={name}")]);
            filter.add(label, &[format!("USER_UNIT={name}")]);
        } else if let Some(name) = name.strip_prefix(CONTAINER) {
            filter.add(label, &[format!("CONTAINER_NAME={name}")]);
        } else {
            of_unit(label, name, &mut filter);
        }
    }
    filter
}

fn of_unit(label: usize, name: &str, filter: &mut Filter) {
    let mut add = |conditions: &[&str]| filter.add(label, conditions);
    add(&[&format!("_SYSTEMD_UNIT={name}")]);
    add(&[&format!("UNIT={name}"), "_PID=1"]);
    add(&[&format!("OBJECT_SYSTEMD_UNIT={name}"), "_UID=0"]);
    add(&[&format!("COREDUMP_UNIT={name}"), "_UID=0", COREDUMP]);
    if name.ends_with(".slice") {
        add(&[&format!("_SYSTEMD_SLICE={name}")]);
    }
}
