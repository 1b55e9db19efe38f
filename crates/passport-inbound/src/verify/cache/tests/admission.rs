//! Tests of which tokens the overflow keeps.

use super::*;

#[test]
fn token_that_was_never_found_is_dropped_at_first() {
    let (cache, key, issuer) = setup(CacheLimits { tokens: 100, bytes: 256 * 1024 });
    let known = token(1);
    let rival = rival(&cache, &known);
    for (round, in_overflow_after) in [(1, 0), (2, 2)] {
        for token in [&known, &rival, &known] {
            cache.insert(verified(token, &key, &issuer), at(150));
        }
        assert_eq!(in_overflow(&cache), in_overflow_after, "round {round}");
    }
}

#[test]
fn token_that_was_found_once_is_kept() {
    let (cache, key, issuer) = setup(CacheLimits { tokens: 100, bytes: 256 * 1024 });
    let known = token(1);
    insert_used(&cache, &known, &key, &issuer);
    cache.insert(verified(&rival(&cache, &known), &key, &issuer), at(150));
    assert_eq!(in_overflow(&cache), 1);
    assert!(cache.get(known.as_bytes(), nanos(150), |_| ()).is_some());
}

/// Returns the number of tokens that are not found when `tokens` tokens are used in turn. Each of
/// them is then verified and inserted.
fn misses(cache: &VerifiedTokenCache, tokens: u64, key: &Arc<Key>, issuer: &Arc<IssuerEntry>) -> u64 {
    let is_missing = |number: &u64| {
        let is_missing = cache.get(token(*number).as_bytes(), nanos(150), |_| ()).is_none();
        if is_missing {
            cache.insert(verified(&token(*number), key, issuer), at(150));
        }
        is_missing
    };
    (0..tokens).filter(is_missing).count() as u64
}

#[test]
fn tokens_in_turn_are_kept_from_the_third_turn_on() {
    let (cache, key, issuer) = setup(CacheLimits::default());
    let tokens = 3 * cache.front.len() as u64;
    assert_eq!(misses(&cache, tokens, &key, &issuer), tokens, "each token is new");
    assert!(misses(&cache, tokens, &key, &issuer) > tokens / 2, "most have lost their slot");
    for turn in 3..7 {
        assert_eq!(misses(&cache, tokens, &key, &issuer), 0, "turn {turn}");
    }
}

#[test]
fn tokens_that_are_used_once_do_not_displace_others() {
    let (cache, key, issuer) = setup(CacheLimits::default());
    insert_used(&cache, &token(1), &key, &issuer);
    for number in 2..5_000 {
        cache.insert(verified(&token(number), &key, &issuer), at(150));
    }
    assert!(cache.get(token(1).as_bytes(), nanos(150), |_| ()).is_some());
    // Two hashes can share a bit of the doorkeeper.
    assert!(in_overflow(&cache) < 500, "{}", in_overflow(&cache));
}
