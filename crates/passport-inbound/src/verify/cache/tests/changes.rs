//! Tests of hits after the keys, the issuer or the clock have changed.

use proptest::prelude::*;

use super::*;

/// Returns the installation of the keys that are installed now.
fn installation(issuer: &Arc<IssuerEntry>) -> Arc<Installation> {
    Arc::clone(&issuer.jwks.current(at(150)).as_ref().unwrap().installation)
}

/// Returns whether a hit needs no look at the installed keys.
fn is_unchanged(cache: &VerifiedTokenCache, token: &str, now: u64) -> bool {
    slot(cache, token).load().as_ref().is_some_and(|entry| entry.is_unchanged(nanos(now)))
}

#[test]
fn first_hit_after_a_refresh_remembers_the_new_keys() {
    let (cache, key, issuer) = setup(CacheLimits::default());
    let known = token(1);
    insert_used(&cache, &known, &key, &issuer);
    assert!(is_unchanged(&cache, &known, 150), "checked by the first hit");
    issuer.jwks.replace_keys(key_set(&[Arc::clone(&key)]));
    assert!(!is_unchanged(&cache, &known, 150), "the keys were refreshed");
    let used = cache.get(known.as_bytes(), nanos(150), |entry| Arc::clone(&entry.installation));
    assert!(used.is_some_and(|used| Arc::ptr_eq(&used, &installation(&issuer))));
    assert!(is_unchanged(&cache, &known, 150));
    assert_eq!(in_overflow(&cache), 0, "the token keeps its slot");
}

#[test]
fn hit_after_its_key_was_removed_is_a_miss() {
    let (cache, key, issuer) = setup(CacheLimits::default());
    insert_used(&cache, &token(1), &key, &issuer);
    assert!(is_unchanged(&cache, &token(1), 150));
    issuer.jwks.replace_keys(key_set(&test_keys(2)[1..]));
    assert!(cache.get(token(1).as_bytes(), nanos(150), |_| ()).is_none());
    issuer.jwks.replace_keys(key_set(&[Arc::clone(&key)]));
    assert!(cache.get(token(1).as_bytes(), nanos(150), |_| ()).is_some(), "the key is back");
}

#[test]
fn token_of_a_retired_issuer_is_a_miss() {
    let (cache, key, issuer) = setup(CacheLimits::default());
    insert_used(&cache, &token(1), &key, &issuer);
    issuer.retire();
    assert!(!is_unchanged(&cache, &token(1), 150));
    assert!(cache.get(token(1).as_bytes(), nanos(150), |_| ()).is_none());
}

/// The check at each hit before there was `is_unchanged`.
fn oracle(entry: &CacheEntry, now: SystemTime) -> bool {
    let current = entry.issuer.jwks.current(now);
    let Some(installed) = current.as_deref() else { return false };
    entry.validity.includes(now)
        && entry.issuer.is_current()
        && installed.keys.would_try(&entry.key, entry.has_kid)
}

proptest! {
    #[test]
    fn hits_have_the_result_of_a_full_check(
        steps in prop::collection::vec((0..4_u8, 90..210_u64, any::<bool>()), 1..30),
    ) {
        let (cache, keys) = (VerifiedTokenCache::new(CacheLimits::default()), test_keys(2));
        let issuer = test_issuer();
        issuer.jwks.replace_keys(key_set(&keys));
        let entry = || verified(&token(1), &keys[0], &issuer);
        cache.insert(entry(), at(150));
        for (step, now, keeps_key) in steps {
            match step {
                0 => issuer.jwks.replace_keys(key_set(&keys[usize::from(!keeps_key)..])),
                1 if !keeps_key => cache.insert(entry(), at(150)),
                _ => {}
            }
            let is_hit = cache.get(token(1).as_bytes(), nanos(now), |_| ()).is_some();
            prop_assert_eq!(is_hit, oracle(&entry(), at(now)));
        }
    }
}

#[test]
fn overflow_remembers_the_new_keys_after_the_first_hit() {
    let (cache, key, issuer) = setup(CacheLimits::default());
    let large = token(1).repeat(4);
    cache.insert(verified(&large, &key, &issuer), at(150));
    let entry =
        || cache.get(large.as_bytes(), nanos(150), |entry| std::ptr::from_ref(entry) as usize).unwrap();
    assert_eq!(entry(), entry());
    issuer.jwks.replace_keys(key_set(&[Arc::clone(&key)]));
    assert_eq!(entry(), entry(), "a hit copies the entry only once for each key set");
}
