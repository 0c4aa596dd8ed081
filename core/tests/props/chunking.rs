//! Any split of the bytes gives identical client bytes.

use proptest::prelude::*;

use crate::common::{cases, streams};

#[test]
fn every_single_split_gives_the_same_bytes() {
    for case in streams() {
        let expected = case.whole();
        for at in 0..=case.answer.len() {
            let (left, right) = case.answer.split_at(at);
            assert_eq!(case.answered([left, right]), expected, "{} split at {at}", case.name);
        }
    }
}

#[test]
fn byte_by_byte_gives_the_same_bytes() {
    for case in cases().iter().filter(|case| case.attempt().is_ok()) {
        assert_eq!(case.answered(case.answer.chunks(1)), case.whole(), "{}", case.name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_splits_give_the_same_bytes(pick in any::<prop::sample::Index>(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        let list: Vec<_> = streams().collect();
        let case = list[pick.index(list.len())];
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(case.answer.len() + 1)).collect();
        at.extend([0, case.answer.len()]);
        at.sort_unstable();
        let pieces = at.windows(2).map(|pair| &case.answer[pair[0]..pair[1]]);
        prop_assert_eq!(case.answered(pieces), case.whole(), "{}", case.name);
    }
}
