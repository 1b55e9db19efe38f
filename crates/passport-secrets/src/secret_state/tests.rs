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
fn a_secret_is_believed_for_its_time_and_due_then() {
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
fn while_a_provider_is_down_what_was_read_goes_on_and_it_is_left_alone_for_longer_and_longer() {
    let mut state = SecretState::default();
    state.record_success(secret("one"), Duration::ZERO, None);
    let mut now = TTL;
    for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
        assert_eq!(shown(state.lookup(now, TTL)), "due one");
        let goes_on = state.record_failure(error(SecretErrorKind::Unavailable), now, 1.0).unwrap();
        assert_eq!(goes_on.secret().expose(), "one");
        now += pause * SECOND;
        assert_eq!(shown(state.lookup(now - SECOND / 10, TTL)), "fresh one", "it is left alone");
    }
    state.record_success(secret("two"), now, None);
    state.record_failure(error(SecretErrorKind::Unavailable), now + TTL, 1.0).unwrap();
    assert_eq!(shown(state.lookup(now + TTL + SECOND, TTL)), "due two", "and from the beginning");
}

#[test]
fn whatever_else_goes_wrong_what_was_read_goes_on() {
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
    let known = |state: &SecretState, refused: &str, now| {
        state.after_rejection(&secret(refused), now).map(|known| known.unwrap().secret().expose().to_owned())
    };
    state.record_success(secret("one"), Duration::ZERO, None);
    assert_eq!(known(&state, "one", Duration::ZERO), None);
    state.record_success(secret("two"), SECOND, None);
    assert_eq!(known(&state, "one", SECOND).as_deref(), Some("two"), "somebody has read it since");
    state
        .record_failure(error(SecretErrorKind::Throttled).with_retry_after(60 * SECOND), SECOND, 0.0)
        .unwrap();
    assert_eq!(known(&state, "two", 60 * SECOND).as_deref(), Some("two"), "it is too soon");
    assert_eq!(known(&state, "two", 61 * SECOND), None);
}

#[test]
fn a_secret_is_read_again_when_it_ends() {
    let mut state = SecretState::default();
    state.record_success(secret("one"), SECOND, Some(60 * SECOND));
    assert_eq!(shown(state.lookup(60 * SECOND, TTL)), "fresh one");
    assert_eq!(shown(state.lookup(61 * SECOND, TTL)), "due one");
}

#[test]
fn previous_secret_is_available_during_the_overlap() {
    let mut state = SecretState::default();
    state.record_success(secret("one"), Duration::ZERO, None);
    let before = |state: &SecretState, refused: &str, now| {
        state.previous(&secret(refused), now).map(|secret| secret.secret().expose().to_owned())
    };
    assert_eq!(before(&state, "one", SECOND), None, "there is none");
    state.record_success(secret("two"), TTL, None);
    state.record_success(secret("two"), 2 * TTL, None);
    assert_eq!(before(&state, "two", TTL + OVERLAP - SECOND).as_deref(), Some("one"));
    assert_eq!(before(&state, "two", TTL + OVERLAP), None);
    assert_eq!(before(&state, "one", 2 * TTL), None, "it is the one that was refused");
    state.record_success(secret("two"), TTL + OVERLAP, None);
    assert!(state.previous.is_none(), "it is not kept for longer");
    state.record_success(secret("three"), 2 * OVERLAP, None);
    state.record_failure(error(SecretErrorKind::Disabled), 2 * OVERLAP, 0.0).unwrap_err();
    assert!(state.previous.is_none(), "a secret that has ended takes it along");
}

#[test]
fn a_secret_that_is_gone_does_not_go_on() {
    for kind in [SecretErrorKind::NotFound, SecretErrorKind::Disabled, SecretErrorKind::Forbidden] {
        let mut state = SecretState::default();
        state.record_success(secret("one"), Duration::ZERO, None);
        assert_eq!(state.record_failure(error(kind), TTL, 0.0).unwrap_err().kind(), kind);
        assert_eq!(shown(state.lookup(TTL, TTL)), format!("failed {kind:?}"));
        assert_eq!(shown(state.lookup(TTL + SECOND, TTL)), "due -");
    }
}

#[test]
fn a_provider_is_left_alone_for_as_long_as_it_asks_but_not_for_ever() {
    for (asked, seconds) in [(30, 30), (86_400, 600)] {
        let mut state = SecretState::default();
        let throttled = error(SecretErrorKind::Throttled).with_retry_after(asked * SECOND);
        state.record_failure(throttled, Duration::ZERO, 0.0).unwrap_err();
        assert_eq!(shown(state.lookup(seconds * SECOND - SECOND / 10, TTL)), "failed Throttled");
        assert_eq!(shown(state.lookup(seconds * SECOND, TTL)), "due -");
    }
}
