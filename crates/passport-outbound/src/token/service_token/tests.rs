use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{
    test_support::{ScriptedSource, manager},
    token::{Credential, Phase},
};

/// A service that keeps a private copy of the token.
struct Services {
    source: Arc<ScriptedSource>,
    manager: Arc<TokenManager>,
    reused: ServiceToken,
}

impl Services {
    async fn new() -> Self {
        let source = ScriptedSource::new();
        let manager = manager(&source);
        manager.token().await.unwrap();
        let mut reused = ServiceToken::default();
        assert!(!reused.count_call(&manager));
        assert!(reused.count_call(&manager));
        assert!(!reused.count_call(&manager));
        Self { source, manager, reused }
    }

    /// Returns the copy of the service, and the token that the entry holds, if it is fresh.
    fn tokens(&mut self) -> [Option<String>; 2] {
        let text = |authorization: &HeaderValue| authorization.to_str().unwrap().to_owned();
        let kept = self.reused.fresh().map(|token| text(&token.authorization));
        let snapshot = self.manager.entry.snapshot();
        let cached = snapshot.fresh_token(self.manager.now_nanos());
        [kept, cached.map(|cached| text(cached.token.authorization()))]
    }
}

#[tokio::test]
async fn reused_service_sends_a_private_copy_of_the_token() {
    let mut services = Services::new().await;
    let snapshot = services.manager.entry.snapshot();
    let shared = snapshot.cached.as_ref().unwrap().token.authorization();
    let own = &services.reused.fresh().unwrap().authorization;
    assert_eq!((own, own.is_sensitive()), (shared, true));
    assert_ne!(own.as_bytes().as_ptr(), shared.as_bytes().as_ptr());
}

#[tokio::test]
async fn copy_of_an_invalidated_token_is_not_sent() {
    let mut services = Services::new().await;
    assert_eq!(services.tokens(), services.tokens());
    services.manager.entry.invalidate();
    assert_eq!(services.tokens(), [None, None]);
    services.manager.token().await.unwrap();
    let next = Some("Bearer token-2".to_owned());
    assert_eq!(services.tokens(), [next.clone(), next]);
}

#[tokio::test]
async fn copy_of_an_invalidated_token_is_dropped_at_the_next_call() {
    let mut services = Services::new().await;
    services.manager.entry.invalidate();
    assert!(services.reused.fresh().is_none());
    assert!(!services.reused.count_call(&services.manager));
    assert!(matches!(services.reused, ServiceToken::Used));
}

#[tokio::test]
async fn copy_is_not_sent_after_another_thread_invalidated_the_token() {
    let mut services = Services::new().await;
    services.tokens();
    let manager = Arc::clone(&services.manager);
    std::thread::spawn(move || manager.entry.invalidate()).join().unwrap();
    assert_eq!(services.tokens(), [None, None]);
}

#[tokio::test]
async fn cloned_service_keeps_no_copy() {
    let mut services = Services::new().await;
    services.tokens();
    assert!(matches!(services.reused, ServiceToken::Copied(_)));
    assert!(matches!(services.reused.clone(), ServiceToken::Unused));
}

#[test]
fn service_without_a_cached_token_keeps_no_copy() {
    let manager = manager(&ScriptedSource::new());
    let mut token = ServiceToken::Used;
    assert!(!token.count_call(&manager));
    assert!(token.fresh().is_none());
}

#[derive(Clone, Debug)]
enum Step {
    Advance(u64),
    SetBack(u64),
    Invalidate,
    Reject,
    Fetch,
    Shutdown,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..2000_u64).prop_map(Step::Advance),
        1 => (0..2000_u64).prop_map(Step::SetBack),
        1 => Just(Step::Invalidate),
        1 => Just(Step::Reject),
        4 => Just(Step::Fetch),
        1 => Just(Step::Shutdown),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn copy_is_sent_exactly_when_the_cached_token_is(steps in prop::collection::vec(step(), 1..30)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut services = Services::new().await;
            for step in steps {
                match step {
                    Step::Advance(seconds) => services.source.clock.advance(Duration::from_secs(seconds)),
                    Step::SetBack(seconds) => services.source.clock.set_back(Duration::from_secs(seconds)),
                    Step::Invalidate => services.manager.entry.invalidate(),
                    Step::Reject => {
                        let snapshot = services.manager.entry.snapshot().clone();
                        let generation = snapshot.cached.as_ref().map_or(0, |cached| cached.generation);
                        services.manager.entry.reject(generation, services.manager.now());
                    }
                    Step::Fetch => drop(services.manager.token().await),
                    Step::Shutdown => services.manager.life.cancel(),
                }
                let snapshot = services.manager.entry.snapshot().clone();
                let phase = snapshot.cached.as_ref().map(|cached| cached.schedule.phase(services.manager.now()));
                let [kept, shared] = services.tokens();
                prop_assert_eq!(kept.is_some(), phase == Some(Phase::Fresh));
                prop_assert_eq!(kept, shared);
            }
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn manager_decides_when_a_refresh_is_due() {
    let mut services = Services::new().await;
    services.source.clock.advance(Duration::from_secs(3550));
    assert_eq!(services.tokens(), [None, None]);
    assert!(matches!(services.manager.credential(), Credential::Ready(_)));
}
