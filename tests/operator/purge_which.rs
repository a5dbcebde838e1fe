//! Which entries `spool purge` takes for meant.

use serde_json::Value;
use support::endpoint::Endpoint;
use support::journal::Entry;

use crate::host;
use crate::purge::{LINES, SECRET, entries, hash_of, holds_secret, json};

#[test]
fn an_entry_is_named_by_the_beginning_of_its_hash_and_only_if_that_means_one() {
    for running in [true, false] {
        let endpoint = Endpoint::start().unwrap();
        // More than there are first digits.
        let many = (0..40).map(|n| Entry::line(crate::now() - 1_000_000 + n, format!("{n}")));
        let host = host(&endpoint, entries().into_iter().chain(many));
        let service = running.then(|| host.start("run"));
        if running {
            host.until("all is delivered", |stats| {
                stats["spool"]["ledger"]["delivered"] == LINES + 41
            });
        } else {
            host.succeed("run --once");
        }
        let hash = hash_of(&host, &format!("Authorization: Bearer {SECRET}"));
        let listed = json(&host.succeed("spool ls --limit 0 --json"));
        let listed = listed.as_array().unwrap();
        let digit = listed.iter().find_map(|entry| {
            let digit = &entry["hash"].as_str().unwrap()[..1];
            let begins = |other: &&Value| other["hash"].as_str().unwrap().starts_with(digit);
            (listed.iter().filter(begins).count() > 1).then_some(digit)
        });
        let digit = digit.unwrap();
        for (arguments, code, words) in [
            (format!("spool purge {digit}"), 1, "more than one entry"),
            (
                format!("spool purge {hash} {digit}"),
                1,
                "more than one entry",
            ),
            (
                "spool purge 0123456789abcdef0123".to_owned(),
                1,
                "no entry held",
            ),
        ] {
            let refused = host.run(&arguments);
            let errors = String::from_utf8(refused.stderr).unwrap();
            assert_eq!(refused.status.code(), Some(code), "{arguments}: {errors}");
            assert!(errors.contains(words), "{arguments}: {errors}");
            assert_eq!(errors.lines().count(), 1, "{errors}");
        }
        assert_eq!(
            hash_of(&host, &format!("Authorization: Bearer {SECRET}")),
            hash
        );
        let said = host.succeed(&format!("spool purge {}", &hash[..16]));
        assert!(said.starts_with("1 entry removed"), "{said}");
        let shown = host.run(&format!("spool show {hash}"));
        assert!(!String::from_utf8_lossy(&shown.stdout).contains("Bearer"));
        let left = host.succeed("spool export");
        assert!(
            !left.contains("Bearer") && left.contains("key="),
            "only that one"
        );
        drop(service);
    }
}

#[test]
fn a_wrong_pattern_or_none_is_wrong_usage_in_one_clear_error() {
    let endpoint = Endpoint::start().unwrap();
    let host = host(&endpoint, entries());
    host.succeed("run --once");
    for arguments in [
        "spool purge --match [a-",
        "spool purge --match (",
        "spool purge xyz",
    ] {
        let refused = host.run(arguments);
        let errors = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{arguments}: {errors}");
        let said = errors.lines().filter(|line| line.starts_with("error:"));
        assert_eq!(said.count(), 1, "{arguments}: {errors}");
    }
    let refused = host.run("spool purge");
    assert_eq!(refused.status.code(), Some(2), "which?");
    assert!(holds_secret(&host));
}
