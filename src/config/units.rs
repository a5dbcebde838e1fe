//! Names of systemd units (pure).

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

/// At least one full unit name, as systemd.unit(5) allows them: nothing that `journalctl -u` takes for a pattern or an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Units(Vec<String>);

impl Units {
    /// Gives names without a type the ending `.service`, as `journalctl -u` does. `None` for an empty list, which would read the
    /// whole journal, and for a name that systemd would refuse.
    #[must_use]
    pub fn new<T: AsRef<str>>(names: &[T]) -> Option<Self> {
        let full: Option<Vec<_>> = names.iter().map(|name| full_name(name.as_ref())).collect();
        full.filter(|names| !names.is_empty()).map(Self)
    }

    /// As `SHIPPER_JOURNAL_UNITS` has them: separated by commas, each with its suffix.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let names: Vec<&str> = text.split(',').map(str::trim).collect();
        let have_suffixes = names.iter().all(|name| name.contains('.'));
        have_suffixes.then(|| Self::new(&names)).flatten()
    }

    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

fn full_name(name: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
    let typed = name
        .rsplit_once('.')
        .is_some_and(|(stem, ending)| !stem.is_empty() && TYPES.contains(&ending));
    let full = match typed {
        true => name.to_owned(),
        false => format!("{name}.service"),
    };
    let sound = !name.is_empty() && !name.starts_with('-') && full.len() <= 255;
    (sound && name.chars().all(allowed)).then_some(full)
}
