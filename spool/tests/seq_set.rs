//! A `SeqSet` is a set, whatever is put in and taken out.

use std::collections::BTreeSet;

use proptest::prelude::*;
use spool::{Seq, SeqSet};

fn set(members: &BTreeSet<u64>) -> SeqSet {
    members.iter().copied().map(Seq).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_seq_set_is_a_set(changes in prop::collection::vec((any::<bool>(), 0u64..60, 0u64..12), 0..40)) {
        let (mut set, mut model) = (SeqSet::new(), BTreeSet::new());
        for (insert, start, len) in changes {
            if insert {
                set.insert_range(start..start + len);
                model.extend(start..start + len);
            } else {
                set.remove_range(start..start + len);
                model.retain(|member| !(start..start + len).contains(member));
            }
            prop_assert_eq!(set.iter().map(|seq| seq.0).collect::<BTreeSet<_>>(), model.clone());
            prop_assert_eq!(set.len(), model.len() as u64);
            prop_assert_eq!(set.first().map(|seq| seq.0), model.first().copied());
            prop_assert_eq!(set.last().map(|seq| seq.0), model.last().copied());
            prop_assert!((0..80).all(|member| set.contains(Seq(member)) == model.contains(&member)));
            prop_assert!(SeqSet::try_from(set.ranges().to_vec()).is_ok(), "sorted, disjoint, not touching");
        }
    }

    #[test]
    fn sets_combine_like_sets(
        one in prop::collection::btree_set(0u64..50, 0..30),
        two in prop::collection::btree_set(0u64..50, 0..30),
        range in (0u64..50, 0u64..50),
    ) {
        let mut union = set(&one);
        union.extend_from(&set(&two));
        prop_assert_eq!(union, set(&one.union(&two).copied().collect()));
        let mut difference = set(&one);
        difference.subtract(&set(&two));
        prop_assert_eq!(difference, set(&one.difference(&two).copied().collect()));
        prop_assert_eq!(set(&one).intersection(&set(&two)), set(&one.intersection(&two).copied().collect()));
        let range = range.0..range.1;
        let within: BTreeSet<u64> = one.iter().copied().filter(|member| range.contains(member)).collect();
        prop_assert_eq!(set(&one).within(&range), set(&within));
    }
}

#[test]
fn ranges_that_no_set_has_are_refused() {
    for ranges in [
        vec![3..3, 8..9],
        vec![1..3, 3..5],
        vec![1..4, 2..6],
        vec![5..6, 1..2],
    ] {
        assert!(SeqSet::try_from(ranges.clone()).is_err(), "{ranges:?}");
    }
}
