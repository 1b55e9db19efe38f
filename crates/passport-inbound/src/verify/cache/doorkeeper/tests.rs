use super::*;

/// Returns the hash of a number.
fn hash(number: u64) -> u64 {
    let mixed = (number ^ (number >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

#[test]
fn added_hash_is_known_until_the_set_is_full() {
    let doorkeeper = Doorkeeper::new(1_000);
    let mistaken = (0..1_000).filter(|number| doorkeeper.add(hash(*number))).count();
    assert!(mistaken < 125, "{mistaken}");
    assert!((0..1_000).all(|number| doorkeeper.add(hash(number))));
}

#[test]
fn full_set_forgets_all_hashes() {
    let doorkeeper = Doorkeeper::new(64);
    let known = || doorkeeper.bits.iter().map(|word| word.load(Ordering::Relaxed).count_ones()).sum::<u32>();
    (0..64).for_each(|number| {
        doorkeeper.add(hash(number));
    });
    assert!(known() > 50, "{}", known());
    (64..10_000).for_each(|number| {
        doorkeeper.add(hash(number));
        assert!(known() <= 65, "{}", known());
    });
}

#[test]
fn size_is_bounded() {
    for (tokens, bytes) in [(0, 64), (64, 64), (10_000, 16 * 1024), (u64::MAX, 128 * 1024)] {
        assert_eq!(size_of_val(&*Doorkeeper::new(tokens).bits), bytes, "{tokens}");
    }
}
