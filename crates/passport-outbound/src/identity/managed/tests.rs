use passport_core::{SecretSource, Transport};

use super::{super::scopes::MAX_SCOPE_SETS, *};
use crate::{TokenErrorKind, test_support::in_memory_passport::InMemoryPassport};

fn identity() -> ManagedIdentity {
    ManagedIdentity::builder("mi-1", SecretSource::from_value("secret"))
        .transport(Transport::new(InMemoryPassport::knowing("secret")))
        .build()
        .unwrap()
}

async fn token(identity: &ManagedIdentity) -> String {
    identity.token().await.unwrap().expose().to_owned()
}

#[tokio::test]
async fn order_of_scopes_does_not_matter_for_their_token() {
    let default = identity();
    let other = default.with_scopes("openid tenant").unwrap();
    assert_eq!(token(&default).await, "token-1");
    assert_eq!(token(&other).await, "token-2");
    assert_eq!(token(&default.with_scopes("tenant openid").unwrap()).await, "token-2");
    assert_eq!(token(&other.with_scopes("roles openid").unwrap()).await, "token-1", "the default scopes");
}

#[tokio::test]
async fn least_recently_used_set_of_scopes_is_evicted() {
    let default = identity();
    let scopes = |number: u64| format!("scope-{number}");
    for number in 0..=MAX_SCOPE_SETS + 500 {
        default.with_scopes(&scopes(number)).unwrap().token().await.unwrap();
    }
    let last = default.with_scopes(&scopes(MAX_SCOPE_SETS + 500)).unwrap();
    assert_eq!(token(&last).await, format!("token-{}", MAX_SCOPE_SETS + 501), "it was not evicted");
    let other_scopes = default.scoped.others.get().unwrap();
    other_scopes.run_pending_tasks();
    assert!(other_scopes.entry_count() <= MAX_SCOPE_SETS);
}

#[tokio::test]
async fn invalidation_affects_one_set_of_scopes() {
    let default = identity();
    let other = default.with_scopes("openid tenant").unwrap();
    assert_eq!((token(&default).await, token(&other).await), ("token-1".to_owned(), "token-2".to_owned()));
    other.invalidate();
    assert_eq!((token(&default).await, token(&other).await), ("token-1".to_owned(), "token-3".to_owned()));
}

#[tokio::test]
async fn shutdown_applies_to_all_sets_of_scopes() {
    let default = identity();
    default.with_scopes("openid tenant").unwrap().shutdown().await;
    for identity in [default.clone(), default.with_scopes("openid profile").unwrap()] {
        assert_eq!(identity.token().await.unwrap_err().kind(), TokenErrorKind::ShutDown);
    }
}

#[tokio::test]
async fn set_of_scopes_outlives_the_default_set() {
    let default = identity();
    let other = default.with_scopes("openid tenant").unwrap();
    drop(default);
    assert_eq!(token(&other).await, "token-1");
}

#[test]
fn invalid_scopes_are_reported() {
    assert!(identity().with_scopes("open\"id").is_err());
}
