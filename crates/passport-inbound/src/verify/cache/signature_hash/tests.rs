use proptest::prelude::*;

use super::*;

/// The loop over words that `of` replaced.
fn oracle(multiplier: u64, text: &[u8]) -> u64 {
    let (rest, eights) = text.as_rchunks::<8>();
    let last_two = eights.iter().rev().take(2).map(|eight| u64::from_le_bytes(*eight));
    let short = rest.iter().map(|byte| u64::from(*byte));
    last_two.chain(short.filter(|_| eights.len() < 2)).fold(0, |hash: u64, word| {
        let product = u128::from(hash ^ word) * u128::from(multiplier);
        #[expect(clippy::cast_possible_truncation, reason = "each half of the product is used")]
        let folded = (product >> 64) as u64 ^ product as u64;
        folded
    })
}

fn hash(text: &[u8]) -> u64 {
    SignatureHash { multiplier: 1 }.of(text)
}

proptest! {
    #[test]
    fn tokens_hash_as_before(
        token in prop::collection::vec(any::<u8>(), HASHED..100),
        multiplier in any::<u64>(),
    ) {
        prop_assert_eq!(SignatureHash { multiplier }.of(&token), oracle(multiplier, &token));
    }
}

#[test]
fn hash_depends_on_the_last_16_bytes() {
    assert_eq!(hash(b"aSixteen bytes!!"), hash(b"aSixteen bytes!!"));
    assert_eq!(hash(b"aAnd sixteen more"), hash(b"bAnd sixteen more"));
    assert_ne!(hash(b"aNd eight"), hash(b"bNd eight"));
    let words = |first: u64, last: u64| hash(&[first.to_le_bytes(), last.to_le_bytes()].concat());
    assert_ne!(words(0, 1), words(1, 1));
}

#[test]
fn tokens_spread_over_all_slots() {
    let hash = SignatureHash::default();
    let mut used = std::collections::HashSet::new();
    for number in 0..10_000_u64 {
        let token = format!("{:0>900}", format!("{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        used.insert(hash.of(token.as_bytes()) & 1023);
    }
    assert!(used.len() > 1000, "{}", used.len());
}
