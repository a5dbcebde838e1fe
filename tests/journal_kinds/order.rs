//! Lines of one microsecond keep their order, whatever numbers the journal gives them.

use support::endpoint::Endpoint;
use support::journal::{BEGIN, Entry};

use super::common::Host;
use super::files::{Put as _, active, image};

/// Lines in all.
const LINES: u64 = 20_000;

#[test]
fn the_lines_of_a_burst_come_out_in_the_order_in_which_they_were_logged() {
    // So many share a microsecond; numbers pass a multiple of 1,000 in the middle of many of those.
    for (burst, first_number) in [(37, 990), (311, 1), (1_000, 500)] {
        let endpoint = Endpoint::start().unwrap();
        let host = Host::new(&endpoint.url(), "v2", "token");
        std::fs::create_dir(host.path("journal")).unwrap();
        let line = |n: u64| Entry::line(BEGIN + n / burst, format!("line {n}"));
        let file = image((0..LINES).map(line)).numbered(1, first_number);
        file.put(&active(&host.path("journal")));
        host.succeed("run --once");
        let arrived = endpoint.points(support::endpoint::Points::messages);
        let expected: Vec<_> = (0..LINES).map(|n| format!("line {n}")).collect();
        assert!(arrived == expected, "bursts of {burst} from {first_number}");
    }
}
