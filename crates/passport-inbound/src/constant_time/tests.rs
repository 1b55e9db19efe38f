mod timing;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use proptest::prelude::*;

use super::*;

/// The function that this one replaced.
fn oracle(one: &[u8], other: &[u8]) -> bool {
    verify_slices_are_equal(one, other).is_ok()
}

#[test]
fn each_single_difference_is_found() {
    for length in 0..4 * BLOCK {
        let one: Vec<_> = (0..=u8::MAX).cycle().take(length).collect();
        assert!(is_equal(&one, &one.clone()), "{length}");
        for position in 0..length {
            for bit in 0..8 {
                let mut other = one.clone();
                other[position] ^= 1 << bit;
                assert!(!is_equal(&one, &other), "{length}, {position}, {bit}");
            }
        }
    }
}

proptest! {
    #[test]
    fn texts_of_any_lengths_compare_as_before(
        one in prop::collection::vec(0..3_u8, 0..300),
        other in prop::collection::vec(0..3_u8, 0..300),
    ) {
        prop_assert_eq!(is_equal(&one, &other), oracle(&one, &other));
        prop_assert_eq!(is_equal(&one, &one), oracle(&one, &one));
    }

    #[test]
    fn texts_of_one_length_compare_as_before(
        one in prop::collection::vec(any::<u8>(), 1..3_000),
        differences in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut other = one.clone();
        for (position, difference) in differences {
            other[position.index(one.len())] ^= difference;
        }
        prop_assert_eq!(is_equal(&one, &other), oracle(&one, &other));
    }
}
