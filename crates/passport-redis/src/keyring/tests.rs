use std::sync::atomic::{AtomicUsize, Ordering};

use passport_core::{ManualClock, ResolvedSecret, SecretError, SecretProvider};

use super::*;

fn text(byte: u8) -> String {
    STANDARD.encode([byte; SealingKey::LENGTH])
}

/// A vault with one key, which can be replaced.
#[derive(Clone, Debug, Default)]
struct Vault(Arc<Mutex<String>>, Arc<AtomicUsize>);

impl SecretProvider for Vault {
    async fn resolve(&self, _: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        self.1.fetch_add(1, Ordering::SeqCst);
        Ok(ResolvedSecret::new(self.0.lock().unwrap().as_str().into()))
    }
}

fn ids(ring: &Ring) -> Vec<String> {
    match ring {
        Ring::Keys(keys) => keys.iter().map(|key| format!("{key:?}")).collect(),
        Ring::Plain => Vec::new(),
    }
}

fn id(byte: u8) -> String {
    format!("{:?}", SealingKey::new(&[byte; SealingKey::LENGTH]).unwrap())
}

async fn settled(keyring: &Arc<Keyring>) -> Arc<Ring> {
    while keyring.reading.running().is_some() {
        tokio::task::yield_now().await;
    }
    let last = keyring.last_read().clone();
    last.unwrap().ring
}

#[tokio::test]
async fn a_key_that_is_replaced_where_it_lies_is_seen_with_previous_still_opens() {
    let (vault, clock) = (Vault::default(), ManualClock::at_unix_seconds(1_750_000_000));
    let replace = |text: String| *vault.0.lock().unwrap() = text;
    replace(text(1));
    let source = SecretSource::new(vault.clone(), "vault:key".parse().unwrap());
    let keyring = Arc::new(Keyring::new(EncryptionKeys::new(source), Arc::new(clock.clone())));
    let first = keyring.ring().await.unwrap();
    replace(text(2));
    keyring.reload_for_unknown_key();
    assert!(Arc::ptr_eq(&settled(&keyring).await, &first), "not within a minute");
    clock.advance(UNKNOWN_KEY_INTERVAL);
    keyring.reload_for_unknown_key();
    assert_eq!(ids(&*settled(&keyring).await), [id(2), id(1)]);
    for (now, ring) in
        [(text(2), [id(2), id(1)]), ("no key".to_owned(), [id(2), id(1)]), (text(3), [id(3), id(2)])]
    {
        replace(now);
        clock.advance(RELOAD_INTERVAL);
        keyring.ring().await.unwrap();
        assert_eq!(ids(&*settled(&keyring).await), ring);
    }
}

#[tokio::test]
async fn many_who_lack_a_key_have_it_read_once() {
    let (vault, clock) = (Vault::default(), ManualClock::at_unix_seconds(1_750_000_000));
    *vault.0.lock().unwrap() = text(1);
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

/// A vault that gave a key once, and hangs.
#[derive(Clone, Debug, Default)]
struct Hanging(Arc<AtomicUsize>);

impl SecretProvider for Hanging {
    async fn resolve(&self, _: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        if self.0.fetch_add(1, Ordering::SeqCst) > 0 {
            std::future::pending::<()>().await;
        }
        Ok(ResolvedSecret::new(text(1).into()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_hangs_is_left_alone_for_a_while_and_what_is_known_goes_on() {
    let (vault, clock) = (Hanging::default(), ManualClock::at_unix_seconds(1_750_000_000));
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

#[tokio::test]
async fn without_encryption_there_is_nothing_to_accept() {
    let keys = EncryptionKeys::danger_unencrypted().also_accepting(SecretSource::fixed(text(1)));
    assert!(matches!(keys.read().await.unwrap(), Ring::Plain));
}

#[tokio::test]
async fn what_is_no_key_is_told_and_not_shown() {
    for wrong in ["hidden", "aGlkZGVu", &STANDARD.encode([1; 31]), &STANDARD.encode([1; 33]), &"a".repeat(44)]
    {
        let keys = EncryptionKeys::new(SecretSource::fixed(wrong));
        let error = keys.read().await.err().unwrap();
        let told = format!("{error} {error:?}");
        assert!(told.contains("openssl rand -base64 32") && !told.contains(wrong), "{told}");
    }
}

#[tokio::test]
async fn a_line_break_behind_a_key_does_not_matter() {
    let keys = EncryptionKeys::new(SecretSource::fixed(format!("{}\n", text(1))));
    assert_eq!(ids(&keys.read().await.unwrap()), [id(1)]);
}
