use passport_core::{SecretErrorKind, SecretRef};

use super::*;

const TTL: Duration = Duration::from_secs(300);
const SECOND: Duration = Duration::from_secs(1);

fn secret(text: &str) -> ResolvedSecret {
    ResolvedSecret::new(text.into())
}

fn error(kind: SecretErrorKind) -> SecretError {
    let reference: SecretRef = "vault:a".parse().unwrap();
    SecretError::new(kind, reference, "on purpose")
}

fn shown(lookup: SecretLookup) -> String {
    match lookup {
        SecretLookup::Fresh(secret) => format!("fresh {}", secret.secret().expose()),
        SecretLookup::Due(secret) => {
            format!("due {}", secret.map_or("-".into(), |secret| secret.secret().expose().to_owned()))
        }
        SecretLookup::Failed(error) => format!("failed {:?}", error.kind()),
    }
}

#[test]
fn secret_is_due_after_the_refresh_interval() {
    let mut state = SecretState::default();
    assert_eq!(shown(state.lookup(SECOND, TTL)), "due -");
    assert!(!state.record_success(secret("one"), SECOND, None));
    assert_eq!(shown(state.lookup(TTL, TTL)), "fresh one");
    assert_eq!(shown(state.lookup(TTL + SECOND, TTL)), "due one");
    assert!(!state.record_success(secret("one"), TTL + SECOND, None), "the same again");
    assert!(state.record_success(secret("two"), 2 * TTL, None), "another one");
    assert_eq!(shown(state.lookup(2 * TTL, TTL)), "fresh two");
}

#[test]
fn cached_secret_is_used_while_the_provider_is_backed_off() {
    let mut state = SecretState::default();
    state.record_success(secret("one"), Duration::ZERO, None);
    let mut now = TTL;
    for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
        assert_eq!(shown(state.lookup(now, TTL)), "due one");
        let cached = state.record_failure(error(SecretErrorKind::Unavailable), now, 1.0).unwrap();
        assert_eq!(cached.secret().expose(), "one");
        now += pause * SECOND;
        assert_eq!(shown(state.lookup(now - SECOND / 10, TTL)), "fresh one", "backed off");
    }
    state.record_success(secret("two"), now, None);
    state.record_failure(error(SecretErrorKind::Unavailable), now + TTL, 1.0).unwrap();
    assert_eq!(shown(state.lookup(now + TTL + SECOND, TTL)), "due two", "a success resets the backoff");
}

#[test]
fn error_that_is_not_definitive_keeps_the_secret() {
    use SecretErrorKind::{Empty, Throttled, Unavailable, Unreadable};
    for kind in [Empty, Throttled, Unavailable, Unreadable] {
        let mut state = SecretState::default();
        state.record_success(secret("one"), Duration::ZERO, None);
        assert_eq!(state.record_failure(error(kind), TTL, 0.0).unwrap().secret().expose(), "one", "{kind:?}");
    }
}

#[test]
fn rejected_secret_is_replaced_or_read_again() {
    let mut state = SecretState::default();
    let after_rejection = |state: &SecretState, rejected: &str, now| {
        state
            .after_rejection(&secret(rejected), now)
            .map(|result| result.unwrap().secret().expose().to_owned())
    };
    state.record_success(secret("one"), Duration::ZERO, None);
    assert_eq!(after_rejection(&state, "one", Duration::ZERO), None);
    state.record_success(secret("two"), SECOND, None);
    assert_eq!(
        after_rejection(&state, "one", SECOND).as_deref(),
        Some("two"),
        "another caller has read it since"
    );
    state
        .record_failure(error(SecretErrorKind::Throttled).with_retry_after(60 * SECOND), SECOND, 0.0)
        .unwrap();
    assert_eq!(after_rejection(&state, "two", 60 * SECOND).as_deref(), Some("two"), "backed off");
    assert_eq!(after_rejection(&state, "two", 61 * SECOND), None);
}

#[test]
fn expired_secret_is_due() {
    let mut state = SecretState::default();
    state.record_success(secret("one"), SECOND, Some(60 * SECOND));
    assert_eq!(shown(state.lookup(60 * SECOND, TTL)), "fresh one");
    assert_eq!(shown(state.lookup(61 * SECOND, TTL)), "due one");
}

#[test]
fn previous_secret_is_available_during_the_overlap() {
    let mut state = SecretState::default();
    state.record_success(secret("one"), Duration::ZERO, None);
    let previous = |state: &SecretState, rejected: &str, now| {
        state.previous(&secret(rejected), now).map(|secret| secret.secret().expose().to_owned())
    };
    assert_eq!(previous(&state, "one", SECOND), None, "no previous secret");
    state.record_success(secret("two"), TTL, None);
    state.record_success(secret("two"), 2 * TTL, None);
    assert_eq!(previous(&state, "two", TTL + OVERLAP - SECOND).as_deref(), Some("one"));
    assert_eq!(previous(&state, "two", TTL + OVERLAP), None);
    assert_eq!(previous(&state, "one", 2 * TTL), None, "the previous secret itself was rejected");
    state.record_success(secret("two"), TTL + OVERLAP, None);
    assert!(state.previous.is_none(), "removed after the overlap");
    state.record_success(secret("three"), 2 * OVERLAP, None);
    state.record_failure(error(SecretErrorKind::Disabled), 2 * OVERLAP, 0.0).unwrap_err();
    assert!(state.previous.is_none(), "removed by a definitive error");
}

#[test]
fn definitive_error_removes_the_secret() {
    for kind in [SecretErrorKind::NotFound, SecretErrorKind::Disabled, SecretErrorKind::Forbidden] {
        let mut state = SecretState::default();
        state.record_success(secret("one"), Duration::ZERO, None);
        assert_eq!(state.record_failure(error(kind), TTL, 0.0).unwrap_err().kind(), kind);
        assert_eq!(shown(state.lookup(TTL, TTL)), format!("failed {kind:?}"));
        assert_eq!(shown(state.lookup(TTL + SECOND, TTL)), "due -");
    }
}

#[test]
fn retry_after_extends_the_backoff_to_10_minutes_at_most() {
    for (retry_after, seconds) in [(30, 30), (86_400, 600)] {
        let mut state = SecretState::default();
        let throttled = error(SecretErrorKind::Throttled).with_retry_after(retry_after * SECOND);
        state.record_failure(throttled, Duration::ZERO, 0.0).unwrap_err();
        assert_eq!(shown(state.lookup(seconds * SECOND - SECOND / 10, TTL)), "failed Throttled");
        assert_eq!(shown(state.lookup(seconds * SECOND, TTL)), "due -");
    }
}
