use super::*;

/// A shipper that has delivered all but `pending`.
pub(crate) fn stats(pending: u64) -> Stats {
    Stats {
        version: "1.2.3".to_owned(),
        at: 1_763_906_520_000_000,
        spool: SpoolStats {
            dir: PathBuf::from("/spool"),
            ledger: Ledger {
                read: 100_000,
                delivered: 100_000 - pending,
                pending,
                ..Ledger::default()
            },
            duplicates: 3,
            held: 100_000,
            disk_bytes: 5 << 20,
            max_bytes: 2 << 30,
            free_bytes: Some(20 << 30),
            generations: 2,
            oldest_pending: (pending > 0).then_some(1_763_906_460_000_000),
            newest_pending: (pending > 0).then_some(1_763_906_500_000_000),
            lag: if pending > 0 { 60_000_000 } else { 0 },
            full: false,
            trouble: None,
            aside: None,
            last_recovery: None,
        },
        service: Some(ServiceStats {
            pid: 4711,
            started_at: 1_763_900_000_000_000,
            reader: IntakeStatus {
                reader: "files".to_owned(),
                ..IntakeStatus::default()
            },
            ollama: OllamaStatus::default(),
            forwarder: ForwardStatus {
                server: ServerState::Well,
                ..ForwardStatus::default()
            },
            outages: Outages::default(),
        }),
    }
}

#[test]
fn entries_beyond_retention_are_no_alarm_and_part_of_the_ledger() {
    let mut old = stats(0);
    old.spool.ledger.delivered -= 7;
    old.spool.ledger.quarantined = 7;
    old.spool.ledger.beyond_retention = 7;
    assert!(old.is_healthy() && old.spool.ledger.is_balanced());
    old.spool.ledger.beyond_retention = 6;
    assert!(!old.is_healthy(), "one was refused for what it is");
}

#[test]
fn lines_set_apart_are_no_alarm_until_they_have_been_refused_alone_for_minutes() {
    let mut apart = stats(5);
    let now = apart.at;
    let forwarder = |stats: &mut Stats, minutes: u64, unproven| {
        let forwarder = &mut stats.service.as_mut().unwrap().forwarder;
        forwarder.set_apart = 5;
        forwarder.set_apart_since = Some(now - minutes * 60_000_000);
        forwarder.unproven = unproven;
    };
    for (minutes, unproven, is_healthy) in
        [(1, 0, true), (60, 0, true), (1, 2, true), (5, 2, false)]
    {
        forwarder(&mut apart, minutes, unproven);
        assert_eq!(apart.is_healthy(), is_healthy, "{minutes} min, {unproven}");
    }
}

#[test]
fn refused_entries_a_full_spool_and_a_server_that_is_down_are_unhealthy() {
    assert!(stats(5).is_healthy());
    let spoil: [fn(&mut Stats); 4] = [
        |stats| stats.service = None,
        |stats| stats.spool.trouble = Some(Trouble::Full),
        |stats| stats.spool.ledger.quarantined = 1,
        |stats| stats.service.as_mut().unwrap().forwarder.server = ServerState::Down,
    ];
    for spoil in spoil {
        let mut unhealthy = stats(0);
        spoil(&mut unhealthy);
        assert!(!unhealthy.is_healthy(), "{}", unhealthy.in_words());
    }
}
