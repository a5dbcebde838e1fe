//! The clock that never jumps.

use std::env;
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

/// Identity of the boot. Where a sandbox hides what the kernel says (systemd's `ProcSubset=pid`), the service manager may say it in
/// `BOOT_ID`, as its specifier `%b`. Zeros where neither does, so that all time counts as of one boot.
fn boot_id() -> [u8; 16] {
    let kernel = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
    parse(
        &kernel
            .or_else(|| env::var("BOOT_ID").ok())
            .unwrap_or_default(),
    )
}

/// With dashes or without them.
fn parse(text: &str) -> [u8; 16] {
    let digits = text
        .chars()
        .filter(char::is_ascii_hexdigit)
        .collect::<String>();
    u128::from_str_radix(&digits, 16).map_or([0; 16], u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_and_the_service_manager_name_the_same_boot() {
        let kernel = parse("0c7f1e52-4ee1-4c9b-8b51-3f1e7c0a9d64\n");
        assert_eq!(kernel, parse("0c7f1e524ee14c9b8b513f1e7c0a9d64"));
        assert_ne!(kernel, [0; 16]);
        assert_eq!(parse(""), [0; 16]);
    }
}
