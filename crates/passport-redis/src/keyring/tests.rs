use std::sync::atomic::{AtomicUsize, Ordering};

use passport_core::{ManualClock, ResolvedSecret, SecretError, SecretProvider, SecretRef};
use passport_outbound::SecretSource;

use super::*;
use crate::{
    encryption_keys::tests::encoded,
    sealing_key::tests::{id, ids},
};

/// A vault with one encryption key. Counts how often the key was read.
#[derive(Clone, Debug, Default)]
struct Vault(Arc<Mutex<String>>, Arc<AtomicUsize>);

impl SecretProvider for Vault {
    async fn resolve(&self, _: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        self.1.fetch_add(1, Ordering::SeqCst);
        Ok(ResolvedSecret::new(self.0.lock().unwrap().as_str().into()))
    }
}

/// Waits until no read of the keys is running, and returns the cached keys.
async fn settled(cache: &Arc<KeyringCache>) -> Arc<Keyring> {
    while cache.reads.running().is_some() {
        tokio::task::yield_now().await;
    }
    let last = cache.last_read().clone();
    last.unwrap().keyring
}

#[tokio::test]
async fn replaced_key_is_reloaded_and_the_previous_one_kept() {
    let (vault, clock) = (Vault::default(), ManualClock::at_unix_seconds(1_750_000_000));
    let replace = |text: String| *vault.0.lock().unwrap() = text;
    replace(encoded(1));
    let source = SecretSource::new(vault.clone(), "vault:key".parse().unwrap());
    let cache = Arc::new(KeyringCache::new(EncryptionKeys::new(source), Arc::new(clock.clone())));
    let first = cache.get().await.unwrap();
    replace(encoded(2));
    cache.reload_for_unknown_key();
    assert!(Arc::ptr_eq(&settled(&cache).await, &first), "no reload within a minute");
    clock.advance(UNKNOWN_KEY_INTERVAL);
    cache.reload_for_unknown_key();
    assert_eq!(ids(&*settled(&cache).await), [id(2), id(1)]);
    for (text, expected) in
        [(encoded(2), [id(2), id(1)]), ("no key".to_owned(), [id(2), id(1)]), (encoded(3), [id(3), id(2)])]
    {
        replace(text);
        clock.advance(RELOAD_INTERVAL);
        cache.get().await.unwrap();
        assert_eq!(ids(&*settled(&cache).await), expected);
    }
}

#[tokio::test]
async fn one_reload_for_100_unknown_keys() {
    let (vault, clock) = (Vault::default(), ManualClock::at_unix_seconds(1_750_000_000));
    *vault.0.lock().unwrap() = encoded(1);
    let source = SecretSource::new(vault.clone(), "vault:key".parse().unwrap());
    let cache = Arc::new(KeyringCache::new(EncryptionKeys::new(source), Arc::new(clock.clone())));
    cache.get().await.unwrap();
    clock.advance(UNKNOWN_KEY_INTERVAL);
    *vault.0.lock().unwrap() = "no key".to_owned();
    for _ in 0..100 {
        cache.reload_for_unknown_key();
    }
    settled(&cache).await;
    cache.reload_for_unknown_key();
    settled(&cache).await;
    assert_eq!(vault.1.load(Ordering::SeqCst), 2, "the failed reload counts");
}

/// A vault that responds to the first read with a key, and does not respond to later reads.
#[derive(Clone, Debug, Default)]
struct HangingVault(Arc<AtomicUsize>);

impl SecretProvider for HangingVault {
    async fn resolve(&self, _: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        if self.0.fetch_add(1, Ordering::SeqCst) > 0 {
            std::future::pending::<()>().await;
        }
        Ok(ResolvedSecret::new(encoded(1).into()))
    }
}

#[tokio::test(start_paused = true)]
async fn cached_keys_are_used_while_the_vault_hangs() {
    let (vault, clock) = (HangingVault::default(), ManualClock::at_unix_seconds(1_750_000_000));
    let source = SecretSource::new(vault.clone(), "vault:key".parse().unwrap());
    let cache = Arc::new(KeyringCache::new(EncryptionKeys::new(source), Arc::new(clock.clone())));
    cache.get().await.unwrap();
    clock.advance(RELOAD_INTERVAL);
    for _ in 0..3 {
        assert_eq!(ids(&cache.get().await.unwrap()), [id(1)]);
        tokio::time::sleep(2 * READ_TIMEOUT).await;
    }
    assert_eq!(vault.0.load(Ordering::SeqCst), 2);
}

#[cfg(feature = "deny-list")]
#[tokio::test]
async fn rotated_key_is_read_before_a_denial_is_skipped() {
    let (vault, clock) = (Vault::default(), ManualClock::at_unix_seconds(1_750_000_000));
    *vault.0.lock().unwrap() = encoded(1);
    let source = SecretSource::new(vault.clone(), "vault:key".parse().unwrap());
    let cache = Arc::new(KeyringCache::new(EncryptionKeys::new(source), Arc::new(clock.clone())));
    cache.get().await.unwrap();
    *vault.0.lock().unwrap() = encoded(2);
    assert!(cache.reloaded_for_unknown_key().await.is_none(), "no reload within a minute");
    clock.advance(UNKNOWN_KEY_INTERVAL);
    let keyring = cache.reloaded_for_unknown_key().await.unwrap();
    assert_eq!(ids(&keyring), [id(2), id(1)]);
}
