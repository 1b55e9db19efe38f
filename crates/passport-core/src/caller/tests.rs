use std::time::UNIX_EPOCH;

use super::*;

fn caller(token: &str) -> CallerToken {
    CallerToken::new(AccessToken::new(token, UNIX_EPOCH).unwrap())
}

fn current() -> Option<String> {
    CallerToken::current().map(|caller| caller.token().expose().to_owned())
}

#[tokio::test]
async fn innermost_scope_has_priority() {
    assert_eq!(current(), None);
    let inner = async {
        let before = current();
        let within = caller("b").scope(async { current() }).await;
        (before, within, current())
    };
    let seen = caller("a").scope(inner).await;
    assert_eq!(seen, (Some("a".to_owned()), Some("b".to_owned()), Some("a".to_owned())));
    assert_eq!(current(), None);
}

#[tokio::test]
async fn spawned_task_has_no_caller() {
    let spawned = caller("a").scope(async { tokio::spawn(async { current() }).await.unwrap() }).await;
    assert_eq!(spawned, None);
}

#[test]
fn debug_shows_no_token() {
    assert!(!format!("{:?}", caller("hidden")).contains("hidden"));
}
