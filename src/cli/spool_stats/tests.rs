use super::*;
use crate::counters::stats::tests::stats;

fn shown(stats: &Stats, palette: Palette) -> String {
    table(stats, palette).into()
}

#[test]
fn a_plain_table_shows_the_ledger_and_has_no_colour() {
    let text = shown(&stats(12_340), Palette::Plain);
    assert!(
        text.contains("+ pending                     12,340\n"),
        "{text}"
    );
    assert!(
        text.contains("  on disk               5.0 MiB of 2.0 GiB\n"),
        "{text}"
    );
    assert!(!text.contains('\x1b'));
    assert!(shown(&stats(1), Palette::Colour).contains("\x1b[1mLedger\x1b[0m"));
}

#[test]
fn lines_understood_are_told_by_their_kinds_the_most_frequent_first() {
    let mut known = Understood::default();
    assert_eq!(understood(&known), "0");
    known.lines = 1_240;
    let kinds = [
        ("abort", 1),
        ("load_done", 8),
        ("memory", 30),
        ("oom", 1),
        ("request", 1_200),
    ];
    known.kinds = kinds.map(|(kind, lines)| (kind.to_owned(), lines)).into();
    let text = understood(&known);
    assert_eq!(text, "1,240: 1,200 request, 30 memory, 8 load_done, 2 more");
}

#[test]
fn what_is_set_apart_is_shown_with_why_since_when_and_what_it_waits_for() {
    let mut apart = stats(12_340);
    assert!(!shown(&apart, Palette::Plain).contains("set apart"));
    let since = apart.at - 120_000_000;
    let forwarder = &mut apart.service.as_mut().unwrap().forwarder;
    forwarder.set_apart = 1_000;
    forwarder.set_apart_since = Some(since);
    forwarder.set_apart_reason = Some("conflict \x1b[2J".to_owned());
    forwarder.unproven = 2;
    forwarder.outage_since = Some(since);
    let text = shown(&apart, Palette::Plain);
    for part in [
        "  set apart             1,000: tried in smaller parts, all others go on\n",
        "(2 min ago)\n",
        "  set apart because     conflict ",
        "  refused alone         2\n",
        "wait until another line of their measurement is stored\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(
        !text.contains('\x1b'),
        "the server does not command the terminal"
    );
    assert!(!text.contains("takes nothing"), "others pass: {text}");
}

#[test]
fn a_ledger_that_does_not_add_up_is_said() {
    let mut broken = stats(1);
    assert!(!shown(&broken, Palette::Plain).contains("does not add up"));
    broken.spool.ledger.read += 1;
    assert!(shown(&broken, Palette::Plain).contains("does not add up"));
}
