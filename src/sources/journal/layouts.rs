//! Layouts of entries whose host is the one that wrote them (`SHIPPER_HOST_FROM=journal`).

use std::collections::HashMap;

use crate::record::layout::{Layout, LayoutError};

/// Hosts of which the layout is kept.
const KEPT: usize = 256;

/// The configured layout, with the host of each entry.
#[derive(Debug)]
pub(super) struct Layouts {
    configured: Layout,
    stored: HashMap<String, Vec<u8>>,
}

impl Layouts {
    /// From the stored form of the configured layout.
    pub(super) fn new(configured: &[u8]) -> Result<Self, LayoutError> {
        Ok(Self {
            configured: Layout::decode(configured)?,
            stored: HashMap::new(),
        })
    }

    /// The stored layout of an entry of `host`; of one that names none, the configured one.
    pub(super) fn of(&mut self, host: &str) -> &[u8] {
        if self.stored.len() >= KEPT && !self.stored.contains_key(host) {
            self.stored.clear();
        }
        let configured = &self.configured;
        self.stored.entry(host.to_owned()).or_insert_with(|| {
            let mut layout = configured.clone();
            let is_tag = !host.is_empty() && !host.ends_with('\\');
            if is_tag && !host.chars().any(char::is_control) {
                host.clone_into(&mut layout.host);
            }
            layout.encode()
        })
    }
}
