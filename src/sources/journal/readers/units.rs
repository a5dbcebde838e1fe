//! The units whose entries are read, and what `journalctl -u` matches for them (pure).

/// `MESSAGE_ID` of core dumps.
const COREDUMP: &str = "MESSAGE_ID=fc2e22bc6ee647b6b90729ab34a250b1";

/// Unit types; a name without one of these endings is a service.
const TYPES: [&str; 11] = [
    "service",
    "socket",
    "target",
    "device",
    "mount",
    "automount",
    "swap",
    "timer",
    "path",
    "slice",
    "scope",
];

/// At least one full unit name, without globs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Units(Vec<String>);

/// Names that no unit can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUnits {
    /// An empty list would read the whole journal.
    #[error("no unit to read: set SHIPPER_JOURNAL_UNITS")]
    None,
    /// A glob, a blank or another character that systemd refuses.
    #[error("{0:?} is not a unit name: letters, digits and :-_.\\@ only, at most 255")]
    Name(String),
}

impl Units {
    /// Checks the names and gives those without a type the ending `.service`, as `journalctl -u` does.
    ///
    /// # Errors
    /// [`BadUnits`] for an empty list or a name that systemd would refuse.
    pub fn new<T: AsRef<str>>(names: &[T]) -> Result<Self, BadUnits> {
        if names.is_empty() {
            return Err(BadUnits::None);
        }
        names
            .iter()
            .map(|name| full_name(name.as_ref()))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The full names.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether `unit` is one of them.
    #[must_use]
    pub fn contains(&self, unit: &str) -> bool {
        self.0.iter().any(|name| name == unit)
    }

    /// What `journalctl -u` matches: an entry belongs when all conditions of one of these lines hold.
    #[must_use]
    pub fn conjunctions(&self) -> Vec<Vec<String>> {
        self.iter().flat_map(conjunctions).collect()
    }
}

fn full_name(name: &str) -> Result<String, BadUnits> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
    let typed = name
        .rsplit_once('.')
        .is_some_and(|(stem, ending)| !stem.is_empty() && TYPES.contains(&ending));
    let full = match typed {
        true => name.to_owned(),
        false => format!("{name}.service"),
    };
    // A leading dash would be an option on journalctl's command line.
    let sound = !name.is_empty() && !name.starts_with('-') && full.len() <= 255;
    match sound && name.chars().all(allowed) {
        true => Ok(full),
        false => Err(BadUnits::Name(name.to_owned())),
    }
}

fn conjunctions(unit: &str) -> Vec<Vec<String>> {
    let mut all = vec![
        vec![format!("_SYSTEMD_UNIT={unit}")],
        vec![format!("UNIT={unit}"), "_PID=1".to_owned()],
        vec![format!("OBJECT_SYSTEMD_UNIT={unit}"), "_UID=0".to_owned()],
        vec![
            COREDUMP.to_owned(),
            "_UID=0".to_owned(),
            format!("COREDUMP_UNIT={unit}"),
        ],
    ];
    if unit.ends_with(".slice") {
        all.push(vec![format!("_SYSTEMD_SLICE={unit}")]);
    }
    all
}
