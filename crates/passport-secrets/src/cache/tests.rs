use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::UNIX_EPOCH,
};

use futures_util::future::join_all;
use passport_core::{ManualClock, SecretSource};
use passport_test_support::metrics::measured;
use tokio::time::{Instant, sleep};

use super::*;

/// A vault that gives `secret-<version>`, or fails as it is told.
#[derive(Clone, Debug, Default)]
struct Vault(Arc<VaultState>);

#[derive(Debug, Default)]
struct VaultState {
    version: AtomicUsize,
    asked: AtomicUsize,
    fails: Mutex<Option<SecretErrorKind>>,
    hangs: AtomicBool,
    is_empty: AtomicBool,
    takes: Mutex<Duration>,
    ends_at: Mutex<Option<std::time::SystemTime>>,
}

impl Vault {
    fn fails(&self, kind: Option<SecretErrorKind>) {
        *self.0.fails.lock().unwrap() = kind;
    }

    fn rotate(&self) {
        self.0.version.fetch_add(1, Ordering::SeqCst);
    }

    fn asked(&self) -> usize {
        self.0.asked.load(Ordering::SeqCst)
    }
}

impl SecretProvider for Vault {
    async fn resolve(&self, reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        if self.0.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        let version = self.0.version.load(Ordering::SeqCst);
        let takes = *self.0.takes.lock().unwrap();
        sleep(takes).await;
        if self.0.is_empty.load(Ordering::SeqCst) {
            return Ok(ResolvedSecret::new("".into()));
        }
        if let Some(kind) = *self.0.fails.lock().unwrap() {
            return Err(SecretError::new(kind, reference.clone(), "on purpose"));
        }
        let read = ResolvedSecret::new(format!("secret-{version}").into()).with_version(version.to_string());
        Ok(self.0.ends_at.lock().unwrap().into_iter().fold(read, ResolvedSecret::with_expiry))
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
async fn many_who_need_a_secret_at_a_time_read_it_once() {
    let (vault, _, source) = cached();
    *vault.0.takes.lock().unwrap() = Duration::from_secs(1);
    for read in join_all((0..100).map(|_| secret(&source))).await {
        assert_eq!(read.unwrap(), "secret-0");
    }
    assert_eq!(vault.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_rotated_secret_is_seen_after_its_time_to_live() {
    let (vault, clock, source) = cached();
    secret(&source).await.unwrap();
    vault.rotate();
    clock.advance(TIME_TO_LIVE - Duration::from_secs(1));
    assert_eq!(secret(&source).await.unwrap(), "secret-0");
    clock.advance(Duration::from_secs(1));
    assert_eq!(secret(&source).await.unwrap(), "secret-1");
    assert_eq!(vault.asked(), 2);
}

/// It was rotated between its being read and its being judged.
#[tokio::test(start_paused = true)]
async fn rejected_secret_is_read_again_once_for_all_callers() {
    let (vault, _, source) = cached();
    let old = source.resolve().await.unwrap();
    vault.rotate();
    *vault.0.takes.lock().unwrap() = Duration::from_secs(1);
    let anew = join_all((0..10).map(|_| source.refresh(&old))).await;
    assert!(anew.iter().all(|read| read.as_ref().unwrap().secret().expose() == "secret-1"));
    assert_eq!(vault.asked(), 2);
    assert_eq!(source.refresh(&old).await.unwrap().secret().expose(), "secret-1");
    assert_eq!(vault.asked(), 2, "it is another one by now");
}

#[tokio::test(start_paused = true)]
async fn read_begun_before_the_rejection_is_ignored() {
    let (vault, clock, source) = cached();
    let old = source.resolve().await.unwrap();
    *vault.0.takes.lock().unwrap() = Duration::from_secs(1);
    clock.advance(TIME_TO_LIVE);
    secret(&source).await.unwrap(); // goes on with the old one, as the vault takes long
    vault.rotate();
    assert_eq!(source.refresh(&old).await.unwrap().secret().expose(), "secret-1");
}

#[tokio::test(start_paused = true)]
async fn while_the_vault_is_down_the_secret_goes_on() {
    let (vault, clock, source) = cached();
    let old = source.resolve().await.unwrap();
    vault.fails(Some(SecretErrorKind::Unavailable));
    for _ in 0..100 {
        clock.advance(TIME_TO_LIVE);
        assert_eq!(secret(&source).await.unwrap(), "secret-0");
    }
    let asked = vault.asked();
    for _ in 0..10 {
        assert_eq!(source.refresh(&old).await.unwrap().secret().expose(), "secret-0");
    }
    assert_eq!(vault.asked(), asked, "it is left alone, whoever was refused");
    vault.fails(None);
    vault.rotate();
    clock.advance(TIME_TO_LIVE);
    assert_eq!(secret(&source).await.unwrap(), "secret-1");
}

#[tokio::test(start_paused = true)]
async fn hanging_vault_does_not_delay_a_cached_secret() {
    let (vault, clock, source) = cached();
    secret(&source).await.unwrap();
    vault.0.hangs.store(true, Ordering::SeqCst);
    clock.advance(TIME_TO_LIVE);
    let began = Instant::now();
    for read in join_all((0..10).map(|_| secret(&source))).await {
        assert_eq!(read.unwrap(), "secret-0");
    }
    assert_eq!(began.elapsed(), PATIENCE);
    assert_eq!(vault.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_a_slow_vault_says_late_is_there_for_the_next() {
    let (vault, clock, source) = cached();
    *vault.0.takes.lock().unwrap() = Duration::from_secs(3);
    secret(&source).await.unwrap();
    vault.rotate();
    clock.advance(TIME_TO_LIVE);
    assert_eq!(secret(&source).await.unwrap(), "secret-0");
    sleep(Duration::from_secs(3)).await;
    assert_eq!(secret(&source).await.unwrap(), "secret-1");
}

#[tokio::test(start_paused = true)]
async fn all_who_need_a_rotated_secret_have_it_of_one_read() {
    let (vault, clock, source) = cached();
    secret(&source).await.unwrap();
    vault.rotate();
    *vault.0.takes.lock().unwrap() = PATIENCE / 2;
    clock.advance(TIME_TO_LIVE);
    for read in join_all((0..10).map(|_| secret(&source))).await {
        assert_eq!(read.unwrap(), "secret-1");
    }
    assert_eq!(vault.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_says_that_there_is_nothing_is_believed_and_one_that_says_nothing_is_not() {
    let (vault, clock, source) = cached();
    secret(&source).await.unwrap();
    vault.0.is_empty.store(true, Ordering::SeqCst);
    clock.advance(TIME_TO_LIVE);
    assert_eq!(secret(&source).await.unwrap(), "secret-0", "an empty answer is none");
    vault.0.is_empty.store(false, Ordering::SeqCst);
    vault.fails(Some(SecretErrorKind::Disabled));
    clock.advance(TIME_TO_LIVE);
    assert_eq!(secret(&source).await, Err(SecretErrorKind::Disabled));
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_ends_is_read_again_at_that_moment() {
    let (vault, clock, source) = cached();
    *vault.0.ends_at.lock().unwrap() = Some(clock.now() + Duration::from_secs(60));
    secret(&source).await.unwrap();
    vault.rotate();
    clock.advance(Duration::from_secs(59));
    assert_eq!(secret(&source).await.unwrap(), "secret-0");
    clock.advance(Duration::from_secs(1));
    assert_eq!(secret(&source).await.unwrap(), "secret-1");
    secret(&source).await.unwrap();
    assert_eq!(vault.asked(), 2, "one that has ended already is believed like any other");
}

/// A node of Passport may not know the new one yet.
#[tokio::test(start_paused = true)]
async fn rejected_new_secret_falls_back_to_the_previous_one() {
    let (vault, clock, source) = cached();
    secret(&source).await.unwrap();
    vault.rotate();
    clock.advance(TIME_TO_LIVE);
    let new = source.resolve().await.unwrap();
    let before = source.refresh(&new).await.unwrap();
    assert_eq!((new.secret().expose(), before.secret().expose()), ("secret-1", "secret-0"));
    assert_eq!(source.refresh(&before).await.unwrap().secret().expose(), "secret-1");
    assert_eq!(vault.asked(), 3, "the vault was asked whether it has another one");
    vault.rotate();
    let newest = source.refresh(&new).await.unwrap();
    assert_eq!(newest.secret().expose(), "secret-2", "it has, and that comes first");
}

#[tokio::test(start_paused = true)]
async fn reads_rotations_and_what_goes_on_are_counted() {
    let measured = measured(async {
        let (vault, clock, source) = cached();
        secret(&source).await.unwrap();
        vault.rotate();
        *vault.0.ends_at.lock().unwrap() = Some(UNIX_EPOCH + Duration::from_secs(1_750_086_400));
        clock.advance(TIME_TO_LIVE);
        secret(&source).await.unwrap();
        vault.fails(Some(SecretErrorKind::Unavailable));
        clock.advance(TIME_TO_LIVE);
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

/// As a vault does that answers late what it then is told to be wrong.
#[tokio::test(start_paused = true)]
async fn rejection_during_backoff_does_not_read_the_vault() {
    let (vault, clock, source) = cached();
    let old = source.resolve().await.unwrap();
    *vault.0.takes.lock().unwrap() = Duration::from_secs(1);
    vault.fails(Some(SecretErrorKind::Throttled));
    clock.advance(TIME_TO_LIVE);
    secret(&source).await.unwrap();
    assert_eq!(source.refresh(&old).await.unwrap().secret().expose(), "secret-0");
    assert_eq!(vault.asked(), 2, "the read that was running has failed");
}

#[test]
fn a_read_that_is_lost_with_its_runtime_is_made_again() {
    let (vault, clock, source) = cached();
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    vault.0.hangs.store(true, Ordering::SeqCst);
    let gone = runtime();
    gone.block_on(async { drop(timeout(Duration::from_secs(1), source.resolve()).await) });
    drop(gone);
    vault.0.hangs.store(false, Ordering::SeqCst);
    runtime().block_on(async { assert_eq!(secret(&source).await.unwrap(), "secret-0") });
    // With a secret in hand, a lost read is none to wait for.
    vault.0.hangs.store(true, Ordering::SeqCst);
    clock.advance(TIME_TO_LIVE);
    let gone = runtime();
    gone.block_on(async { assert_eq!(secret(&source).await.unwrap(), "secret-0") });
    drop(gone);
    runtime().block_on(async { assert_eq!(secret(&source).await.unwrap(), "secret-0") });
}

#[test]
fn late_result_of_a_stalled_read_is_discarded() {
    let (vault, clock, source) = cached();
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    *vault.0.takes.lock().unwrap() = Duration::from_secs(2);
    let frozen = runtime();
    frozen.block_on(async { drop(timeout(Duration::from_secs(1), source.resolve()).await) });
    vault.rotate();
    runtime().block_on(async { assert_eq!(secret(&source).await.unwrap(), "secret-1") });
    frozen.block_on(async { sleep(Duration::from_secs(10)).await });
    clock.advance(Duration::from_secs(1));
    runtime().block_on(async { assert_eq!(secret(&source).await.unwrap(), "secret-1") });
}

#[tokio::test(start_paused = true)]
async fn dropping_the_first_caller_does_not_end_the_read() {
    let (vault, _, source) = cached();
    *vault.0.takes.lock().unwrap() = Duration::from_secs(2);
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
    assert_eq!(vault.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_hangs_from_the_beginning_is_an_error_that_says_so() {
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
    assert_eq!(vault.asked(), 1);
    vault.fails(None);
    clock.advance(Duration::from_secs(1));
    assert_eq!(secret(&source).await.unwrap(), "secret-0");
}

#[tokio::test(start_paused = true)]
async fn each_secret_has_its_own_entry() {
    let vault = Vault::default();
    let secrets = Arc::new(CachedSecrets::new(vault.clone()));
    for place in ["vault:a", "vault:b", "vault:a"] {
        secrets.resolve(&place.parse().unwrap()).await.unwrap();
    }
    assert_eq!(vault.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn debug_shows_the_provider_and_no_cached_secret() {
    let secrets = CachedSecrets::new(Vault::default());
    secrets.resolve(&"vault:payroll".parse().unwrap()).await.unwrap();
    let shown = format!("{secrets:?}");
    assert!(shown.starts_with("CachedSecrets { provider: Vault") && shown.ends_with(", .. }"), "{shown}");
    assert!(!shown.contains("payroll"), "{shown}");
}
