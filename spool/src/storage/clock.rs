//! The clock that never jumps.

use std::fs;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::model::age::Reading;

impl Reading {
    /// What the clock says now.
    #[must_use]
    pub fn now() -> Self {
        let time = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or(0);
        Self {
            boot: boot_id(),
            since_boot: Duration::new(seconds, nanoseconds),
        }
    }
}

/// Identity of the boot; zeros where there is no /proc, so that all time counts as of one boot.
fn boot_id() -> [u8; 16] {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits = text
        .chars()
        .filter(char::is_ascii_hexdigit)
        .collect::<String>();
    u128::from_str_radix(&digits, 16).map_or([0; 16], u128::to_be_bytes)
}
