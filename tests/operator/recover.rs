//! What was put aside as damaged: named wherever an operator looks, read as far as it can be, removed when told.

use std::path::Path;

use serde_json::Value;
use support::endpoint::Endpoint;
use support::journal::{busy, write_journal};

use crate::common::Host;
use crate::damage::{LINES, aside, backlog, copy, damage, expect_every_line, generations, name};
use crate::host;

fn json(text: &[u8]) -> Value {
    serde_json::from_slice(text)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(text)))
}

/// `spool recover … --json`: its outcomes, and the exit code that goes with them.
fn recover(host: &Host, arguments: &str) -> Vec<Value> {
    let output = host.run(&format!("spool recover {arguments} --json"));
    let errors = String::from_utf8_lossy(&output.stderr);
    let code = output.status.code();
    assert!(
        matches!(code, Some(0 | 3)),
        "{arguments}: {code:?} {errors}"
    );
    let outcomes = json(&output.stdout).as_array().unwrap().clone();
    let lost = outcomes.iter().any(|outcome| outcome["lost"] != 0);
    assert_eq!(code, Some(if lost { 3 } else { 0 }), "{outcomes:?}");
    outcomes
}

fn count(outcome: &Value, figure: &str) -> u64 {
    outcome[figure]
        .as_u64()
        .unwrap_or_else(|| panic!("no {figure}: {outcome}"))
}

/// Every entry has one state, and so many are pending.
fn expect_pending(host: &Host, pending: u64) {
    let stats = host.stats();
    let ledger = &stats["spool"]["ledger"];
    let standing = ["delivered", "pending", "quarantined", "expired"];
    let sum: u64 = standing.map(|name| count(ledger, name)).iter().sum();
    assert_eq!(count(ledger, "read"), sum, "{ledger}");
    assert_eq!(count(ledger, "pending"), pending, "{ledger}");
}

/// Lets `spool verify --repair` put the first generation aside, which is damaged; returns its name and its records.
fn put_aside(host: &Host) -> (String, u64) {
    let repaired = host.run("spool verify --repair --json");
    assert_eq!(repaired.status.code(), Some(3));
    let verified = json(&repaired.stdout);
    assert!(!verified[0]["damage"].is_null(), "{verified}");
    let aside = aside(host);
    assert_eq!(aside.len(), 1, "{aside:?}");
    assert!(name(&aside[0]).starts_with("damaged-gen-0000000001-"));
    (name(&aside[0]).to_owned(), count(&verified[0], "records"))
}

/// A journal that has forgotten everything.
fn forget_journal(host: &Host) {
    let journal = host.path("journal/system.journal");
    std::fs::remove_file(&journal).unwrap();
    write_journal(&journal, busy(0)).unwrap();
}

#[test]
fn what_was_put_aside_is_named_by_verify_stats_and_doctor_until_it_is_removed() {
    for running in [true, false] {
        let endpoint = Endpoint::start().unwrap();
        let host = backlog(&endpoint);
        damage(&generations(&host)[0]);
        let (aside, _) = put_aside(&host);
        let service = running.then(|| host.start("run"));
        if running {
            host.until("all is delivered", |stats| {
                stats["spool"]["ledger"]["pending"] == 0
                    && stats["spool"]["ledger"]["read"].as_u64() >= Some(LINES)
            });
        }
        let told = |arguments: &str| {
            let output = host.run(arguments);
            String::from_utf8(output.stdout).unwrap()
        };
        let reports = [
            "spool verify",
            "spool stats",
            "spool stats --json",
            "doctor --json",
        ];
        for arguments in reports {
            let text = told(arguments);
            assert!(text.contains(&aside), "{arguments}: {text}");
        }
        let findings = json(&host.run("doctor --json").stdout);
        let mut findings = findings.as_array().unwrap().iter();
        let spool = findings
            .find(|finding| finding["check"] == "spool")
            .unwrap();
        assert_eq!(spool["grade"], "warn", "{spool}");
        let fix = spool["fix"].as_str().unwrap();
        assert!(fix.contains("shipper spool recover"), "{fix}");

        let before = count(&host.stats()["spool"], "disk_bytes");
        let recovered = recover(&host, "--drop");
        assert_eq!(recovered.len(), 1);
        assert_eq!(recovered[0]["dropped"], true, "{}", recovered[0]);
        assert!(crate::damage::aside(&host).is_empty());
        // That there was damage once stays known.
        assert!(!told("spool verify").contains(&aside));
        assert!(!told("doctor").contains("put aside as damaged:"));
        let stats = host.stats();
        assert!(stats["spool"]["aside"].is_null(), "{stats}");
        if running {
            let after = count(&stats["spool"], "disk_bytes");
            assert!(after < before, "{before}, then {after}");
        }
        assert_eq!(
            host.succeed("spool recover"),
            "nothing was put aside\n",
            "a second time"
        );
        drop(service);
    }
}

#[test]
fn entries_that_only_a_damaged_generation_has_are_recovered_counted_and_delivered() {
    let endpoint = Endpoint::start().unwrap();
    let host = backlog(&endpoint);
    damage(&generations(&host)[0]);
    let (aside, records) = put_aside(&host);
    forget_journal(&host);
    let pending = LINES + 1 - records;
    expect_pending(&host, pending);

    let text = host.run("spool recover");
    assert_eq!(text.status.code(), Some(3), "something is lost");
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains(&aside) && text.contains(" lost"), "{text}");
    assert!(text.contains("--drop removes it"), "{text}");
    let again = recover(&host, &aside);
    let readable = count(&again[0], "readable");
    // How much is left is sled's doing: opening a damaged file may destroy more of it (docs/facts.md).
    assert!(readable < records, "nothing was lost to the damage");
    assert_eq!(count(&again[0], "duplicates"), readable, "known by now");
    assert_eq!(count(&again[0], "new"), 0);
    if let Some(lost) = again[0]["lost"].as_u64() {
        assert_eq!(lost, records - readable);
    }
    expect_pending(&host, pending + readable);

    host.succeed("run --once");
    expect_pending(&host, 0);
    let arrived = endpoint.points(|points| {
        assert_eq!((points.overwritten, points.repeated), (0, 0));
        points.messages().len() as u64
    });
    let lost = records - readable;
    // The snapshot in that generation was lost or not.
    assert!(
        (LINES - lost..=LINES - lost + 1).contains(&arrived),
        "{arrived} arrived, {lost} lost"
    );
}

#[test]
fn what_the_journal_gave_again_meanwhile_is_recognised_through_the_service_and_without_it() {
    for running in [true, false] {
        let endpoint = Endpoint::start().unwrap();
        let host = backlog(&endpoint);
        damage(&generations(&host)[0]);
        let (aside, records) = put_aside(&host);
        let service = running.then(|| host.start("run"));
        if running {
            host.until("all is delivered", |stats| {
                stats["spool"]["ledger"]["pending"] == 0
                    && stats["spool"]["ledger"]["read"].as_u64() > Some(LINES)
            });
        } else {
            host.succeed("run --once");
        }
        let recovered = recover(&host, "");
        assert_eq!(recovered.len(), 1);
        let dir = recovered[0]["dir"].as_str().unwrap();
        assert!(dir.ends_with(&aside), "{dir}");
        let readable = count(&recovered[0], "readable");
        assert!(readable <= records, "{readable} of {records}");
        // Snapshots are taken anew and not read again.
        assert!(count(&recovered[0], "new") <= 1, "{}", recovered[0]);
        assert!(count(&recovered[0], "duplicates") + 1 >= readable);
        if running {
            host.until("the rest is delivered", |stats| {
                stats["spool"]["ledger"]["pending"] == 0
            });
        } else {
            host.succeed("run --once");
        }
        expect_pending(&host, 0);
        expect_every_line(&endpoint);
        drop(service);
    }
}

#[test]
fn a_spool_copied_from_elsewhere_is_taken_over_with_its_own_layout() {
    let elsewhere = Endpoint::start().unwrap();
    let other = backlog(&elsewhere);
    for running in [true, false] {
        let endpoint = Endpoint::start().unwrap();
        let mut host = host(&endpoint, busy(0));
        host.set("SHIPPER_HOST", "here");
        copy(&other.path("spool"), &host.path("copy"));
        host.succeed("run --once");
        let service = running.then(|| host.start("run"));
        if running {
            host.until("it answers", |_| true);
        }
        // The service has another directory than whoever asks it.
        let mut command = host.command("spool recover copy --json");
        let output = command.current_dir(host.path("")).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "nothing is lost");
        let outcomes = json(&output.stdout);
        let outcomes = outcomes.as_array().unwrap();
        assert_eq!(outcomes.len(), generations(&other).len());
        let sum = |figure: &str| outcomes.iter().map(|one| count(one, figure)).sum::<u64>();
        assert_eq!((sum("readable"), sum("lost")), (LINES + 1, 0));
        assert_eq!((sum("new"), sum("settled")), (LINES + 1, 0));
        if running {
            host.until("all is delivered", |stats| {
                let ledger = &stats["spool"]["ledger"];
                ledger["pending"] == 0 && ledger["read"].as_u64() > Some(LINES)
            });
        } else {
            host.succeed("run --once");
        }
        expect_every_line(&endpoint);
        let of_other = |series: &str| series.contains("host=testhost");
        let others = endpoint.points(|points| {
            let logs = points.iter().filter(|point| of_other(&point.series));
            logs.count() as u64
        });
        assert_eq!(others, LINES + 1, "as the other host would have sent them");
        // One generation of it, once more; and the copy stays as it is.
        let one = host.path("copy/gen-0000000002");
        let again = recover(&host, one.to_str().unwrap());
        assert_eq!(again.len(), 1);
        assert_eq!(count(&again[0], "readable"), count(&again[0], "duplicates"));
        assert_eq!(again[0]["dropped"], false);
        same(&other.path("spool"), &host.path("copy"));
        drop(service);
    }
}

/// Holds two directories to the same files.
fn same(left: &Path, right: &Path) {
    let compared = std::process::Command::new("diff")
        .arg("-r")
        .args([left, right])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&compared.stdout);
    assert!(compared.status.success(), "{said}");
}

#[test]
fn a_directory_that_is_none_of_a_spool_is_one_clear_error() {
    for running in [true, false] {
        let endpoint = Endpoint::start().unwrap();
        let host = host(&endpoint, busy(10));
        host.succeed("run --once");
        let service = running.then(|| host.start("run"));
        if running {
            host.until("it answers", |_| true);
        }
        let missing = host.path("nowhere");
        let wrong = host.path("models");
        for dir in [&missing, &wrong] {
            let output = host.run(&format!("spool recover {}", dir.display()));
            assert_eq!(output.status.code(), Some(1), "{}", dir.display());
            let errors = String::from_utf8(output.stderr).unwrap();
            assert_eq!(errors.lines().count(), 1, "{errors}");
            assert!(errors.contains(dir.to_str().unwrap()), "{errors}");
            assert!(output.stdout.is_empty());
        }
        drop(service);
    }
}
