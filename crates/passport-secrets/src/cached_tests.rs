use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::future::join_all;
use passport_core::{ManualClock, SecretSource};
use tokio::time::{Instant, sleep};

use super::*;

/// A vault that gives `secret-<version>`, or fails as it is told.
#[derive(Clone, Debug, Default)]
struct Vault(Arc<State>);

#[derive(Debug, Default)]
struct State {
    version: AtomicUsize,
    asked: AtomicUsize,
    fails: Mutex<Option<SecretErrorKind>>,
    hangs: AtomicBool,
    takes: Mutex<Duration>,
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
        let takes = *self.0.takes.lock().unwrap();
        sleep(takes).await;
        if let Some(kind) = *self.0.fails.lock().unwrap() {
            return Err(SecretError::new(kind, reference.clone(), "on purpose"));
        }
        let version = self.0.version.load(Ordering::SeqCst);
        Ok(ResolvedSecret::new(format!("secret-{version}").into()).with_version(version.to_string()))
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

#[tokio::test(start_paused = true)]
async fn a_secret_that_was_refused_is_read_at_once() {
    let (vault, clock, source) = cached();
    secret(&source).await.unwrap();
    vault.rotate();
    clock.advance(Duration::from_secs(1));
    let anew = join_all((0..10).map(|_| source.resolve_anew())).await;
    assert!(anew.iter().all(|read| read.as_ref().unwrap().secret().expose() == "secret-1"));
    assert_eq!(vault.asked(), 2, "once for all");
    assert_eq!(secret(&source).await.unwrap(), "secret-1");
}

#[tokio::test(start_paused = true)]
async fn while_the_vault_is_down_the_secret_goes_on() {
    let (vault, clock, source) = cached();
    secret(&source).await.unwrap();
    vault.fails(Some(SecretErrorKind::Unavailable));
    for _ in 0..100 {
        clock.advance(TIME_TO_LIVE);
        assert_eq!(secret(&source).await.unwrap(), "secret-0");
    }
    assert_eq!(source.resolve_anew().await.unwrap().secret().expose(), "secret-0");
    vault.fails(None);
    vault.rotate();
    clock.advance(TIME_TO_LIVE);
    assert_eq!(secret(&source).await.unwrap(), "secret-1");
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_hangs_holds_nobody_up_for_longer_than_the_patience() {
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
async fn whoever_reads_for_others_may_be_dropped() {
    let (vault, _, source) = cached();
    vault.0.hangs.store(true, Ordering::SeqCst);
    let first = tokio::spawn({
        let source = source.clone();
        async move { secret(&source).await }
    });
    let second = tokio::spawn({
        let source = source.clone();
        async move { secret(&source).await }
    });
    sleep(Duration::from_secs(1)).await;
    vault.0.hangs.store(false, Ordering::SeqCst);
    first.abort();
    assert_eq!(second.await.unwrap().unwrap(), "secret-0");
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_has_never_answered_is_left_alone_for_a_while() {
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
async fn each_secret_is_kept_for_itself() {
    let vault = Vault::default();
    let secrets = Arc::new(CachedSecrets::new(vault.clone()));
    for place in ["vault:a", "vault:b", "vault:a"] {
        secrets.resolve(&place.parse().unwrap()).await.unwrap();
    }
    assert_eq!(vault.asked(), 2);
}

#[test]
fn debug_shows_no_secret() {
    let (_, _, source) = cached();
    assert!(!format!("{source:?}").contains("secret-0"));
}
