mod admission;
mod changes;

use std::time::UNIX_EPOCH;

use super::*;
use passport_core::unix_nanos;
use passport_dev::TestIdentity;

use crate::{
    IdInfo, ManualClock, TokenVerifier,
    jwks::{Installation, Key, key_set, replaced_installation, test_keys},
    jwt::{claims::Claims, validation::Validity},
    verify::issuer_entry::IssuerEntry,
};

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
}

/// Returns [`at`] in nanoseconds since the Unix epoch.
fn nanos(seconds: u64) -> u64 {
    unix_nanos(at(seconds))
}

fn verified(token: &str, key: &Arc<Key>, issuer: &Arc<IssuerEntry>) -> CacheEntry {
    let payload = format!(r#"{{"sub":"{}"}}"#, &token[..8]).into_bytes();
    // The first lookup checks the token against the installed keys.
    let (validity, installation) = (Validity { from: at(100), until: at(200) }, replaced_installation());
    CacheEntry {
        token: token.as_bytes().into(),
        caller: IdInfo::of_passport(Claims::parse(&payload).unwrap(), payload, UNIX_EPOCH),
        validity,
        hit_period: hit_period(&validity, &installation),
        issuer: Arc::clone(issuer),
        key: Arc::clone(key),
        has_kid: true,
        installation,
        usage: Usage::default(),
    }
}

/// Returns an issuer without keys.
fn test_issuer() -> Arc<IssuerEntry> {
    let clock = ManualClock::at_unix_seconds(1_000_000);
    let builder = TokenVerifier::builder("api").static_jwks(TestIdentity::jwks()).clock(clock);
    let verifier = builder.build().unwrap();
    verifier.pipeline().first_issuer()
}

/// Returns an empty cache, a key, and an issuer with only that key.
fn setup(limits: CacheLimits) -> (VerifiedTokenCache, Arc<Key>, Arc<IssuerEntry>) {
    let (keys, issuer) = (test_keys(1), test_issuer());
    issuer.jwks.replace_keys(key_set(&keys));
    (VerifiedTokenCache::new(limits), Arc::clone(&keys[0]), issuer)
}

/// Inserts a token that is then found once, so that the cache keeps it.
fn insert_used(cache: &VerifiedTokenCache, token: &str, key: &Arc<Key>, issuer: &Arc<IssuerEntry>) {
    cache.insert(verified(token, key, issuer), at(150));
    assert!(cache.get(token.as_bytes(), nanos(150), |_| ()).is_some());
}

/// Returns a token that differs from the tokens of other numbers only in its last bytes, which
/// belong to the signature in a real token.
fn token(number: u64) -> String {
    format!("{:0>900}", format!("{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

fn slot<'a>(cache: &'a VerifiedTokenCache, token: &str) -> &'a ArcSwapOption<CacheEntry> {
    cache.slot(cache.hash.of(token.as_bytes()))
}

/// Returns another token with the slot of `known`.
fn rival(cache: &VerifiedTokenCache, known: &str) -> String {
    (2..).map(token).find(|other| std::ptr::eq(slot(cache, other), slot(cache, known))).unwrap()
}

/// Returns the number of tokens in the overflow.
fn in_overflow(cache: &VerifiedTokenCache) -> u64 {
    cache.overflow.run_pending_tasks();
    cache.overflow.entry_count()
}

#[test]
fn cached_token_is_accepted_within_its_validity() {
    let (cache, key, issuer) = setup(CacheLimits::default());
    cache.insert(verified(&token(1), &key, &issuer), at(150));
    for (now, known) in [(99, false), (100, true), (199, true), (200, false), (150, true)] {
        assert_eq!(cache.get(token(1).as_bytes(), nanos(now), |_| ()).is_some(), known, "{now}");
    }
}

#[test]
fn cached_token_is_accepted_while_its_key_is_tried() {
    let (cache, keys) = (VerifiedTokenCache::new(CacheLimits::default()), test_keys(6));
    let ((newer, oldest), issuer) = (keys.split_at(5), test_issuer());
    cache.insert(verified(&token(1), &oldest[0], &issuer), at(150));
    cache.insert(CacheEntry { has_kid: false, ..verified(&token(2), &oldest[0], &issuer) }, at(150));
    for (installed, with_kid, without_kid) in
        [(oldest, true, true), (&*keys, true, false), (newer, false, false), (&[], false, false)]
    {
        issuer.jwks.replace_keys(key_set(installed));
        assert_eq!(cache.get(token(1).as_bytes(), nanos(150), |_| ()).is_some(), with_kid);
        assert_eq!(cache.get(token(2).as_bytes(), nanos(150), |_| ()).is_some(), without_kid);
    }
}

/// A token can be cached after its key was removed: its verification has begun before that.
#[test]
fn token_cached_after_its_key_was_removed_is_rejected() {
    let (cache, keys) = (VerifiedTokenCache::new(CacheLimits::default()), test_keys(2));
    let issuer = test_issuer();
    issuer.jwks.replace_keys(key_set(&keys[..1]));
    for (number, key) in keys.iter().enumerate() {
        let token = token(number as u64);
        cache.insert(verified(&token, key, &issuer), at(150));
        assert_eq!(cache.get(token.as_bytes(), nanos(150), |_| ()).is_some(), number == 0);
    }
}

#[test]
fn different_token_is_not_a_cache_hit() {
    let (cache, key, issuer) = setup(CacheLimits::default());
    let known = token(1);
    cache.insert(verified(&known, &key, &issuer), at(150));
    for position in 0..known.len() {
        let mut other = known.clone().into_bytes();
        other[position] ^= 1;
        assert!(cache.get(&other, nanos(150), |_| ()).is_none(), "{position}");
    }
    for other in [&known[1..], &known[..899], "", &format!("0{known}")] {
        assert!(cache.get(other.as_bytes(), nanos(150), |_| ()).is_none(), "{other}");
    }
}

#[test]
fn overflow_hit_moves_the_token_to_the_front() {
    let (cache, key, issuer) = setup(CacheLimits { tokens: 100, bytes: 256 * 1024 });
    assert_eq!(cache.front.len(), 16);
    for number in 0..40 {
        insert_used(&cache, &token(number), &key, &issuer);
    }
    for number in 0..40 {
        assert!(cache.get(token(number).as_bytes(), nanos(150), |_| ()).is_some(), "{number}");
        let in_front = slot(&cache, &token(number)).load_full().unwrap();
        assert_eq!(*in_front.token, *token(number).as_bytes());
    }
}

#[test]
fn token_enters_the_overflow_when_it_loses_its_slot() {
    let (cache, key, issuer) = setup(CacheLimits { tokens: 100, bytes: 256 * 1024 });
    let overflow = || in_overflow(&cache);
    let known = token(1);
    insert_used(&cache, &known, &key, &issuer);
    assert_eq!(overflow(), 0);
    let rival = rival(&cache, &known);
    insert_used(&cache, &rival, &key, &issuer);
    assert_eq!(overflow(), 1, "the token that lost its slot");
    for _ in 0..3 {
        assert!(cache.get(known.as_bytes(), nanos(150), |_| ()).is_some());
        assert_eq!(overflow(), 2, "each token has lost the slot once");
        assert!(cache.get(rival.as_bytes(), nanos(150), |_| ()).is_some());
    }
}

#[test]
fn expired_or_equal_token_does_not_enter_the_overflow() {
    let (cache, key, issuer) = setup(CacheLimits { tokens: 2, bytes: 256 * 1024 });
    assert_eq!(cache.front.len(), 1);
    let overflow = || in_overflow(&cache);
    insert_used(&cache, &token(1), &key, &issuer);
    insert_used(&cache, &token(1), &key, &issuer);
    assert_eq!(overflow(), 0, "the same token");
    cache.insert(
        CacheEntry {
            validity: Validity { from: at(100), until: at(300) },
            ..verified(&token(2), &key, &issuer)
        },
        at(250),
    );
    assert_eq!(overflow(), 0, "expired");
}

#[test]
fn large_token_is_cached_in_the_overflow_only() {
    let (cache, key, issuer) = setup(CacheLimits::default());
    let long = token(1).repeat(4);
    cache.insert(verified(&long, &key, &issuer), at(150));
    assert!(cache.get(long.as_bytes(), nanos(150), |_| ()).is_some());
    assert!(slot(&cache, &long).load().is_none());
}

#[test]
fn tokens_and_bytes_are_bounded() {
    let (key, issuer) = (&test_keys(1)[0], test_issuer());
    issuer.jwks.replace_keys(key_set(std::slice::from_ref(key)));
    let filled = |limits: CacheLimits| {
        let cache = VerifiedTokenCache::new(limits);
        for number in 0..2_000 {
            insert_used(&cache, &token(number), key, &issuer);
        }
        cache.overflow.run_pending_tasks();
        let in_front: Vec<_> = cache.front.iter().filter_map(ArcSwapOption::load_full).collect();
        let bytes = in_front.iter().map(|known| u64::from(known.weight())).sum::<u64>();
        (cache.overflow.entry_count() + in_front.len() as u64, cache.overflow.weighted_size() + bytes)
    };
    for most in [2, 50, 777] {
        let (tokens, _) = filled(CacheLimits { tokens: most, bytes: 16 * 1024 * 1024 });
        assert!((most / 2..=most).contains(&tokens), "{tokens} of {most}");
    }
    for bytes in [64, 100, 256, 3_000] {
        let (tokens, taken) = filled(CacheLimits { tokens: 10_000, bytes: bytes * 1024 });
        assert!(taken <= bytes * 1024 && tokens >= bytes / 4, "{tokens} in {taken} of {bytes} KiB");
    }
}

#[test]
fn weight_includes_the_overhead_of_short_texts() {
    let payload = format!(r#"{{"roles":["a"{}]}}"#, r#","a""#.repeat(999)).into_bytes();
    let heavy = IdInfo::of_passport(Claims::parse(&payload).unwrap(), payload, UNIX_EPOCH);
    assert!(heavy.size() > 1000 * (24 + 16) + 4000, "{}", heavy.size());
}

#[test]
fn entry_weight_is_token_plus_caller_and_overhead() {
    let (_, key, issuer) = setup(CacheLimits::default());
    let entry = verified(&token(1), &key, &issuer);
    let weight = token(1).len() + entry.caller.size() + entry::OVERHEAD;
    assert_eq!(usize::try_from(entry.weight()), Ok(weight));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "moka uses its own clock")]
fn overflow_evicts_a_token_when_it_expires() {
    let (_, key, issuer) = setup(CacheLimits::default());
    let entry = Arc::new(verified(&token(1), &key, &issuer));
    let lives_for = Duration::from_secs(50);
    let overflow = OverflowEntry { entry, lives_for };
    assert_eq!(TokenExpiry.expire_after_create(&0, &overflow, Instant::now()), Some(lives_for));
}
