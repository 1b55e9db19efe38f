use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::UNIX_EPOCH,
};

use futures_util::future::join_all;
use passport_core::{ManualClock, SecretSource};
use passport_test_support::metrics::measured;
use tokio::time::{Instant, sleep};

use super::*;

/// A vault that returns `secret-<version>`, or a configured error.
#[derive(Clone, Debug, Default)]
struct Vault(Arc<VaultState>);

#[derive(Debug, Default)]
struct VaultState {
    version: AtomicUsize,
    reads: AtomicUsize,
    fails: Mutex<Option<SecretErrorKind>>,
    hangs: AtomicBool,
    returns_empty: AtomicBool,
    delay: Mutex<Duration>,
    expires_at: Mutex<Option<std::time::SystemTime>>,
}

impl Vault {
    fn fails(&self, kind: Option<SecretErrorKind>) {
        *self.0.fails.lock().unwrap() = kind;
    }

    fn rotate(&self) {
        self.0.version.fetch_add(1, Ordering::SeqCst);
    }

    fn reads(&self) -> usize {
        self.0.reads.load(Ordering::SeqCst)
    }
}

impl SecretProvider for Vault {
    async fn resolve(&self, reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        self.0.reads.fetch_add(1, Ordering::SeqCst);
        if self.0.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        let version = self.0.version.load(Ordering::SeqCst);
        let delay = *self.0.delay.lock().unwrap();
        sleep(delay).await;
        if self.0.returns_empty.load(Ordering::SeqCst) {
            return Ok(ResolvedSecret::new("".into()));
        }
        if let Some(kind) = *self.0.fails.lock().unwrap() {
            return Err(SecretError::new(kind, reference.clone(), "on purpose"));
        }
        let read = ResolvedSecret::new(format!("secret-{version}").into()).with_version(version.to_string());
        Ok(self.0.expires_at.lock().unwrap().into_iter().fold(read, ResolvedSecret::with_expiry))
    }
}

fn cached() -> (Vault, ManualClock, SecretSource) {
    let (vault, clock) = (Vault::default(), ManualClock::at_unix_seconds(1_750_000_000));
    let secrets = CachedSecrets::new(vault.clone()).clock(clock.clone());
    (vault, clock, SecretSource::new(secrets, "vault:payroll".parse().unwrap()))
}

async fn secret(source: &SecretSource) -> Result<String, SecretErrorKind> {
    source.resolve().await.map(|read| read.secret().expose().to_owned()).map_err(|error| error.kind())
}

#[tokio::test(start_paused = true)]
async fn one_read_for_100_concurrent_callers() {
    let (vault, _, source) = cached();
    *vault.0.delay.lock().unwrap() = Duration::from_secs(1);
    for result in join_all((0..100).map(|_| secret(&source))).await {
        assert_eq!(result.unwrap(), "secret-0");
    }
    assert_eq!(vault.reads(), 1);
}

#[tokio::test(start_paused = true)]
async fn rotated_secret_is_read_after_the_interval() {
    let (vault, clock, source) = cached();
    secret(&source).await.unwrap();
    vault.rotate();
    clock.advance(REFRESH_INTERVAL - Duration::from_secs(1));
    assert_eq!(secret(&source).await.unwrap(), "secret-0");
    clock.advance(Duration::from_secs(1));
    assert_eq!(secret(&source).await.unwrap(), "secret-1");
    assert_eq!(vault.reads(), 2);
}

/// The secret was rotated after the cache had read it, and before Passport rejected it.
#[tokio::test(start_paused = true)]
async fn rejected_secret_is_read_again_once_for_all_callers() {
    let (vault, _, source) = cached();
    let old = source.resolve().await.unwrap();
    vault.rotate();
    *vault.0.delay.lock().unwrap() = Duration::from_secs(1);
    let secrets = join_all((0..10).map(|_| source.refresh(&old))).await;
    assert!(secrets.iter().all(|read| read.as_ref().unwrap().secret().expose() == "secret-1"));
    assert_eq!(vault.reads(), 2);
    assert_eq!(source.refresh(&old).await.unwrap().secret().expose(), "secret-1");
    assert_eq!(vault.reads(), 2, "the cached secret is already another one");
}

#[tokio::test(start_paused = true)]
async fn read_begun_before_the_rejection_is_ignored() {
    let (vault, clock, source) = cached();
    let old = source.resolve().await.unwrap();
    *vault.0.delay.lock().unwrap() = Duration::from_secs(1);
    clock.advance(REFRESH_INTERVAL);
    secret(&source).await.unwrap(); // uses the cached secret, because the vault is slow
    vault.rotate();
    assert_eq!(source.refresh(&old).await.unwrap().secret().expose(), "secret-1");
}

#[tokio::test(start_paused = true)]
async fn cached_secret_is_used_while_the_vault_is_down() {
    let (vault, clock, source) = cached();
    let old = source.resolve().await.unwrap();
    vault.fails(Some(SecretErrorKind::Unavailable));
    for _ in 0..100 {
        clock.advance(REFRESH_INTERVAL);
        assert_eq!(secret(&source).await.unwrap(), "secret-0");
    }
    let reads = vault.reads();
    for _ in 0..10 {
        assert_eq!(source.refresh(&old).await.unwrap().secret().expose(), "secret-0");
    }
    assert_eq!(vault.reads(), reads, "the backoff also applies after a rejection");
    vault.fails(None);
    vault.rotate();
    clock.advance(REFRESH_INTERVAL);
    assert_eq!(secret(&source).await.unwrap(), "secret-1");
}

#[tokio::test(start_paused = true)]
async fn hanging_vault_does_not_delay_a_cached_secret() {
    let (vault, clock, source) = cached();
    secret(&source).await.unwrap();
    vault.0.hangs.store(true, Ordering::SeqCst);
    clock.advance(REFRESH_INTERVAL);
    let start = Instant::now();
    for result in join_all((0..10).map(|_| secret(&source))).await {
        assert_eq!(result.unwrap(), "secret-0");
    }
    assert_eq!(start.elapsed(), MAX_WAIT);
    assert_eq!(vault.reads(), 2);
}

#[tokio::test(start_paused = true)]
async fn late_result_of_a_slow_vault_is_cached() {
    let (vault, clock, source) = cached();
    *vault.0.delay.lock().unwrap() = Duration::from_secs(3);
    secret(&source).await.unwrap();
    vault.rotate();
    clock.advance(REFRESH_INTERVAL);
    assert_eq!(secret(&source).await.unwrap(), "secret-0");
    sleep(Duration::from_secs(3)).await;
    assert_eq!(secret(&source).await.unwrap(), "secret-1");
}

#[tokio::test(start_paused = true)]
async fn one_read_of_a_rotated_secret_for_10_callers() {
    let (vault, clock, source) = cached();
    secret(&source).await.unwrap();
    vault.rotate();
    *vault.0.delay.lock().unwrap() = MAX_WAIT / 2;
    clock.advance(REFRESH_INTERVAL);
    for result in join_all((0..10).map(|_| secret(&source))).await {
        assert_eq!(result.unwrap(), "secret-1");
    }
    assert_eq!(vault.reads(), 2);
}

#[tokio::test(start_paused = true)]
async fn empty_result_keeps_the_secret_but_disabled_removes_it() {
    let (vault, clock, source) = cached();
    secret(&source).await.unwrap();
    vault.0.returns_empty.store(true, Ordering::SeqCst);
    clock.advance(REFRESH_INTERVAL);
    assert_eq!(secret(&source).await.unwrap(), "secret-0", "an empty secret is an error");
    vault.0.returns_empty.store(false, Ordering::SeqCst);
    vault.fails(Some(SecretErrorKind::Disabled));
    clock.advance(REFRESH_INTERVAL);
    assert_eq!(secret(&source).await, Err(SecretErrorKind::Disabled));
}

#[tokio::test(start_paused = true)]
async fn expired_secret_is_read_again() {
    let (vault, clock, source) = cached();
    *vault.0.expires_at.lock().unwrap() = Some(clock.now() + Duration::from_secs(60));
    secret(&source).await.unwrap();
    vault.rotate();
    clock.advance(Duration::from_secs(59));
    assert_eq!(secret(&source).await.unwrap(), "secret-0");
    clock.advance(Duration::from_secs(1));
    assert_eq!(secret(&source).await.unwrap(), "secret-1");
    secret(&source).await.unwrap();
    assert_eq!(vault.reads(), 2, "a secret that had expired when it was read is fresh");
}

/// The reason for the fallback: a node of Passport may not accept the new secret yet.
#[tokio::test(start_paused = true)]
async fn rejected_new_secret_falls_back_to_the_previous_one() {
    let (vault, clock, source) = cached();
    secret(&source).await.unwrap();
    vault.rotate();
    clock.advance(REFRESH_INTERVAL);
    let new = source.resolve().await.unwrap();
    let previous = source.refresh(&new).await.unwrap();
    assert_eq!((new.secret().expose(), previous.secret().expose()), ("secret-1", "secret-0"));
    assert_eq!(source.refresh(&previous).await.unwrap().secret().expose(), "secret-1");
    assert_eq!(vault.reads(), 3, "each rejection reads the vault");
    vault.rotate();
    let newest = source.refresh(&new).await.unwrap();
    assert_eq!(newest.secret().expose(), "secret-2", "a newer secret comes first");
}

#[tokio::test(start_paused = true)]
async fn reads_rotations_and_stale_secrets_are_counted() {
    let measured = measured(async {
        let (vault, clock, source) = cached();
        secret(&source).await.unwrap();
        vault.rotate();
        *vault.0.expires_at.lock().unwrap() = Some(UNIX_EPOCH + Duration::from_secs(1_750_086_400));
        clock.advance(REFRESH_INTERVAL);
        secret(&source).await.unwrap();
        vault.fails(Some(SecretErrorKind::Unavailable));
        clock.advance(REFRESH_INTERVAL);
        secret(&source).await.unwrap();
    })
    .await;
    let expected = [
        ("passport_secrets_expiry_timestamp_seconds vault vault:payroll", 1_750_086_400.0),
        ("passport_secrets_reads_total vault failed", 1.0),
        ("passport_secrets_reads_total vault read", 2.0),
        ("passport_secrets_rotations_total vault", 1.0),
        ("passport_secrets_stale_total vault failed", 1.0),
    ];
    assert_eq!(measured, expected.map(|(name, value)| (name.to_owned(), value)).into());
}

#[tokio::test(start_paused = true)]
async fn rejection_during_backoff_does_not_read_the_vault() {
    let (vault, clock, source) = cached();
    let old = source.resolve().await.unwrap();
    *vault.0.delay.lock().unwrap() = Duration::from_secs(1);
    vault.fails(Some(SecretErrorKind::Throttled));
    clock.advance(REFRESH_INTERVAL);
    secret(&source).await.unwrap();
    assert_eq!(source.refresh(&old).await.unwrap().secret().expose(), "secret-0");
    assert_eq!(vault.reads(), 2, "the running read failed, and no other began");
}

#[test]
fn read_that_ends_with_its_runtime_is_repeated() {
    let (vault, clock, source) = cached();
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    vault.0.hangs.store(true, Ordering::SeqCst);
    let stopped = runtime();
    stopped.block_on(async { drop(timeout(Duration::from_secs(1), source.resolve()).await) });
    drop(stopped);
    vault.0.hangs.store(false, Ordering::SeqCst);
    runtime().block_on(async { assert_eq!(secret(&source).await.unwrap(), "secret-0") });
    // If a secret is cached and a read is canceled, the caller gets the cached secret instead of
    // starting another read.
    vault.0.hangs.store(true, Ordering::SeqCst);
    clock.advance(REFRESH_INTERVAL);
    let stopped = runtime();
    stopped.block_on(async { assert_eq!(secret(&source).await.unwrap(), "secret-0") });
    drop(stopped);
    runtime().block_on(async { assert_eq!(secret(&source).await.unwrap(), "secret-0") });
}

#[test]
fn late_result_of_a_stalled_read_is_discarded() {
    let (vault, clock, source) = cached();
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    *vault.0.delay.lock().unwrap() = Duration::from_secs(2);
    let stalled = runtime();
    stalled.block_on(async { drop(timeout(Duration::from_secs(1), source.resolve()).await) });
    vault.rotate();
    runtime().block_on(async { assert_eq!(secret(&source).await.unwrap(), "secret-1") });
    stalled.block_on(async { sleep(Duration::from_secs(10)).await });
    clock.advance(Duration::from_secs(1));
    runtime().block_on(async { assert_eq!(secret(&source).await.unwrap(), "secret-1") });
}

#[tokio::test(start_paused = true)]
async fn dropping_the_first_caller_does_not_end_the_read() {
    let (vault, _, source) = cached();
    *vault.0.delay.lock().unwrap() = Duration::from_secs(2);
    let first = tokio::spawn({
        let source = source.clone();
        async move { secret(&source).await }
    });
    let second = tokio::spawn({
        let source = source.clone();
        async move { secret(&source).await }
    });
    sleep(Duration::from_secs(1)).await;
    first.abort();
    assert_eq!(second.await.unwrap().unwrap(), "secret-0");
    assert_eq!(vault.reads(), 1);
}

#[tokio::test(start_paused = true)]
async fn hanging_vault_without_a_cached_secret_is_an_error() {
    let (vault, _, source) = cached();
    vault.0.hangs.store(true, Ordering::SeqCst);
    let error = source.resolve().await.unwrap_err();
    assert!(error.to_string().contains("within 30 s") && error.is_transient(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn vault_without_any_result_is_backed_off() {
    let (vault, clock, source) = cached();
    vault.fails(Some(SecretErrorKind::Unavailable));
    for _ in 0..100 {
        assert_eq!(secret(&source).await, Err(SecretErrorKind::Unavailable));
    }
    assert_eq!(vault.reads(), 1);
    vault.fails(None);
    clock.advance(Duration::from_secs(1));
    assert_eq!(secret(&source).await.unwrap(), "secret-0");
}

#[tokio::test(start_paused = true)]
async fn each_secret_has_its_own_entry() {
    let vault = Vault::default();
    let secrets = Arc::new(CachedSecrets::new(vault.clone()));
    for reference in ["vault:a", "vault:b", "vault:a"] {
        secrets.resolve(&reference.parse().unwrap()).await.unwrap();
    }
    assert_eq!(vault.reads(), 2);
}

#[tokio::test(start_paused = true)]
async fn debug_shows_the_provider_and_no_cached_secret() {
    let secrets = CachedSecrets::new(Vault::default());
    secrets.resolve(&"vault:payroll".parse().unwrap()).await.unwrap();
    let shown = format!("{secrets:?}");
    assert!(shown.starts_with("CachedSecrets { provider: Vault") && shown.ends_with(", .. }"), "{shown}");
    assert!(!shown.contains("payroll"), "{shown}");
}
