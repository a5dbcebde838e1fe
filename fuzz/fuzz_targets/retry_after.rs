//! Whatever `Retry-After` says: no panic, and never a longer wait than the cap.
#![no_main]

use std::time::{Duration, SystemTime};

use shipper::base::retry::{MAX_RETRY_AFTER, parse_retry_after};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000);
    if let Some(wait) = parse_retry_after(&String::from_utf8_lossy(bytes), now) {
        assert!(wait <= MAX_RETRY_AFTER);
    }
});
