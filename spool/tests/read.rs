//! Records read by their numbers, and the latest ones of a state.

mod common;

use common::{ALL, MIB, SOURCE, drain, key, one, records, seqs, small};
use spool::{Limits, Seq, SeqSet, Spool, State};

#[test]
fn records_are_read_by_their_numbers_and_state_across_generations() {
    let dir = tempfile::tempdir().unwrap();
    let (mut spool, _) = Spool::open(dir.path(), small()).unwrap();
    spool.append(&records(0..500, 100), SOURCE, None).unwrap();
    let all = drain(&mut spool);
    let even: SeqSet = (0..250).map(|n| Seq(n * 2)).collect();
    spool.ack(&even).unwrap();

    let asked: SeqSet = [3, 4, 5, 200, 201, 499, 900].map(Seq).into_iter().collect();
    let pending = spool.read(ALL, State::Pending, &asked).unwrap();
    assert_eq!(pending.seqs, [3, 5, 201, 499].map(Seq));
    for (place, seq) in pending.seqs.iter().enumerate() {
        let place_in_all = all.seqs.iter().position(|known| known == seq).unwrap();
        assert_eq!(pending.records.get(place), all.records.get(place_in_all));
    }
    let delivered = spool.read(ALL, State::Delivered, &asked).unwrap();
    assert_eq!(delivered.seqs, [4, 200].map(Seq));
    let none = spool.read(ALL, State::Pending, &SeqSet::new()).unwrap();
    assert!(none.seqs.is_empty());

    let some = Limits {
        records: 2,
        bytes: usize::MAX,
    };
    let first = spool.read(some, State::Pending, &asked).unwrap();
    assert_eq!(first.seqs, [3, 5].map(Seq));
    let small = Limits {
        records: 10,
        bytes: 150,
    };
    let first = spool.read(small, State::Pending, &seqs(&pending)).unwrap();
    assert_eq!(first.seqs, [Seq(3)]);
}

#[test]
fn the_latest_records_of_a_state_are_those_that_arrived_last() {
    let dir = tempfile::tempdir().unwrap();
    let (mut spool, _) = Spool::open(dir.path(), small()).unwrap();
    spool.append(&records(0..500, 100), SOURCE, None).unwrap();
    spool.ack(&(0..300).map(Seq).collect()).unwrap();
    let three = Limits {
        records: 3,
        bytes: MIB as usize,
    };
    let latest = spool.latest(three, State::Delivered).unwrap();
    assert_eq!(latest.seqs, [297, 298, 299].map(Seq));
    assert_eq!(latest.records.get(2).unwrap().key, key(299, 1_299_000));
    let latest = spool.latest(three, State::Pending).unwrap();
    assert_eq!(latest.seqs, [497, 498, 499].map(Seq));
    assert!(spool.latest(three, State::Expired).unwrap().seqs.is_empty());
    spool.ack(&one(499)).unwrap();
    let latest = spool.latest(three, State::Delivered).unwrap();
    assert_eq!(latest.seqs, [298, 299, 499].map(Seq));
}
