use std::sync::atomic::{AtomicUsize, Ordering};

use passport_core::{ManualClock, ResolvedSecret, SecretError, SecretProvider, SecretRef};
use passport_outbound::SecretSource;

use super::*;
use crate::{
    encryption_keys::tests::encoded,
    sealing_key::tests::{id, ids},
};

/// A vault with one key, which can be replaced.
#[derive(Clone, Debug, Default)]
struct Vault(Arc<Mutex<String>>, Arc<AtomicUsize>);

impl SecretProvider for Vault {
    async fn resolve(&self, _: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        self.1.fetch_add(1, Ordering::SeqCst);
        Ok(ResolvedSecret::new(self.0.lock().unwrap().as_str().into()))
    }
}

/// Returns the keys when no read is running.
async fn settled(keyring: &Arc<Keyring>) -> Arc<Ring> {
    while keyring.reading.running().is_some() {
        tokio::task::yield_now().await;
    }
    let last = keyring.last_read().clone();
    last.unwrap().ring
}

#[tokio::test]
async fn replaced_key_is_read_and_the_previous_one_is_kept() {
    let (vault, clock) = (Vault::default(), ManualClock::at_unix_seconds(1_750_000_000));
    let replace = |text: String| *vault.0.lock().unwrap() = text;
    replace(encoded(1));
    let source = SecretSource::new(vault.clone(), "vault:key".parse().unwrap());
    let keyring = Arc::new(Keyring::new(EncryptionKeys::new(source), Arc::new(clock.clone())));
    let first = keyring.ring().await.unwrap();
    replace(encoded(2));
    keyring.reload_for_unknown_key();
    assert!(Arc::ptr_eq(&settled(&keyring).await, &first), "not within a minute");
    clock.advance(UNKNOWN_KEY_INTERVAL);
    keyring.reload_for_unknown_key();
    assert_eq!(ids(&*settled(&keyring).await), [id(2), id(1)]);
    for (now, ring) in
        [(encoded(2), [id(2), id(1)]), ("no key".to_owned(), [id(2), id(1)]), (encoded(3), [id(3), id(2)])]
    {
        replace(now);
        clock.advance(RELOAD_INTERVAL);
        keyring.ring().await.unwrap();
        assert_eq!(ids(&*settled(&keyring).await), ring);
    }
}

#[tokio::test]
async fn one_read_for_100_unknown_keys() {
    let (vault, clock) = (Vault::default(), ManualClock::at_unix_seconds(1_750_000_000));
    *vault.0.lock().unwrap() = encoded(1);
    let source = SecretSource::new(vault.clone(), "vault:key".parse().unwrap());
    let keyring = Arc::new(Keyring::new(EncryptionKeys::new(source), Arc::new(clock.clone())));
    keyring.ring().await.unwrap();
    clock.advance(UNKNOWN_KEY_INTERVAL);
    *vault.0.lock().unwrap() = "no key".to_owned();
    for _ in 0..100 {
        keyring.reload_for_unknown_key();
    }
    settled(&keyring).await;
    keyring.reload_for_unknown_key();
    settled(&keyring).await;
    assert_eq!(vault.1.load(Ordering::SeqCst), 2, "also if it fails");
}

/// A vault that returns a key once, and then hangs.
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
async fn hanging_vault_is_backed_off_and_known_keys_stay_in_use() {
    let (vault, clock) = (HangingVault::default(), ManualClock::at_unix_seconds(1_750_000_000));
    let source = SecretSource::new(vault.clone(), "vault:key".parse().unwrap());
    let keyring = Arc::new(Keyring::new(EncryptionKeys::new(source), Arc::new(clock.clone())));
    keyring.ring().await.unwrap();
    clock.advance(RELOAD_INTERVAL);
    for _ in 0..3 {
        assert_eq!(ids(&keyring.ring().await.unwrap()), [id(1)]);
        tokio::time::sleep(2 * MAX_READING).await;
    }
    assert_eq!(vault.0.load(Ordering::SeqCst), 2);
}
