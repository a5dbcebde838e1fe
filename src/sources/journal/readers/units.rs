//! What `journalctl -u` matches for the units whose entries are read (pure).

use super::Units;

/// `MESSAGE_ID` of core dumps.
const COREDUMP: &str = "MESSAGE_ID=fc2e22bc6ee647b6b90729ab34a250b1";

/// An entry belongs when all conditions of one of these lines hold.
pub(super) fn conjunctions(units: &Units) -> Vec<Vec<String>> {
    units
        .names()
        .iter()
        .flat_map(|unit| of_unit(unit))
        .collect()
}

fn of_unit(unit: &str) -> Vec<Vec<String>> {
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
