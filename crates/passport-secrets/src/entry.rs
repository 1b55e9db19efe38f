//! What is known of one secret, and what that means now. Pure: everything takes the time as an argument.

use std::time::Duration;

use passport_core::{ResolvedSecret, SecretError};

/// How long a provider is left alone after its first failure, and at most; the time doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// The longest that a provider may ask to be left alone.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(10 * 60);

/// How long a secret is kept when another one has taken its place: each of Passport's nodes may take five minutes to know the new
/// one. Not for much longer, as each time it is tried the new one was refused before, which is an entry in Passport's audit.
const OVERLAP: Duration = Duration::from_secs(10 * 60);

/// One secret. Times are those of a clock that is never set.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    kept: Option<Kept>,
    /// The one before, and when it was replaced.
    previous: Option<(ResolvedSecret, Duration)>,
    failure: Option<Failure>,
}

#[derive(Debug)]
struct Kept {
    secret: ResolvedSecret,
    read_at: Duration,
    /// When it ends, if that was to come when it was read.
    ends_at: Option<Duration>,
}

#[derive(Debug)]
struct Failure {
    error: SecretError,
    /// How many in a row.
    count: u32,
    until: Duration,
}

/// What there is for whoever asks.
#[derive(Debug)]
pub(crate) enum Look {
    /// This, and no need to ask the provider.
    Fresh(ResolvedSecret),
    /// The provider is to be asked; this, if it does not answer.
    Due(Option<ResolvedSecret>),
    /// It is too soon to ask again.
    Failed(SecretError),
}

impl Kept {
    fn is_due(&self, now: Duration, time_to_live: Duration) -> bool {
        now.saturating_sub(self.read_at) >= time_to_live || self.ends_at.is_some_and(|end| now >= end)
    }
}

impl Entry {
    /// What there is at `now`, if secrets are believed for `time_to_live`.
    pub(crate) fn look(&self, now: Duration, time_to_live: Duration) -> Look {
        let pausing = self.failure.as_ref().filter(|failure| now < failure.until);
        match (&self.kept, pausing) {
            (Some(kept), None) if kept.is_due(now, time_to_live) => Look::Due(Some(kept.secret.clone())),
            (Some(kept), _) => Look::Fresh(kept.secret.clone()),
            (None, Some(failure)) => Look::Failed(failure.error.clone()),
            (None, None) => Look::Due(None),
        }
    }

    /// What is known at `now` for somebody whose secret was refused: another one; or that it is too soon to ask the provider, who
    /// has failed. None if it is to be asked.
    pub(crate) fn after_refusal(
        &self,
        refused: &ResolvedSecret,
        now: Duration,
    ) -> Option<Result<ResolvedSecret, SecretError>> {
        let pausing = self.failure.as_ref().filter(|failure| now < failure.until);
        match (&self.kept, pausing) {
            (Some(kept), _) if !kept.secret.is_same(refused) => Some(Ok(kept.secret.clone())),
            (Some(kept), Some(_)) => Some(Ok(kept.secret.clone())),
            (None, Some(failure)) => Some(Err(failure.error.clone())),
            (_, None) => None,
        }
    }

    /// What to try at `now` for somebody whose secret was refused, and is what the provider has: the one before, which Passport may
    /// still know when it does not know this one yet.
    pub(crate) fn before(&self, refused: &ResolvedSecret, now: Duration) -> Option<ResolvedSecret> {
        let is_refused = self.kept.as_ref().is_some_and(|kept| kept.secret.is_same(refused));
        let (previous, replaced_at) = self.previous.as_ref().filter(|_| is_refused)?;
        (now.saturating_sub(*replaced_at) < OVERLAP).then(|| previous.clone())
    }

    /// The provider gave `secret`, which ends in so long, if that is known. True if it is another one than before.
    pub(crate) fn succeeds(
        &mut self,
        secret: ResolvedSecret,
        now: Duration,
        ends_in: Option<Duration>,
    ) -> bool {
        self.failure = None;
        let kept = Kept { secret, read_at: now, ends_at: ends_in.map(|time| now + time) };
        match self.kept.replace(kept) {
            Some(old) if self.kept.as_ref().is_some_and(|kept| !kept.secret.is_same(&old.secret)) => {
                self.previous = Some((old.secret, now));
                true
            }
            _ => {
                self.previous.take_if(|(_, replaced_at)| now.saturating_sub(*replaced_at) >= OVERLAP);
                false
            }
        }
    }

    /// The provider failed. What was read before goes on, unless the provider says that it is no more. `random` is in 0..1.
    pub(crate) fn fails(
        &mut self,
        error: SecretError,
        now: Duration,
        random: f64,
    ) -> Result<ResolvedSecret, SecretError> {
        if error.ends_a_secret() {
            (self.kept, self.previous) = (None, None);
        }
        let count = self.failure.as_ref().map_or(0, |failure| failure.count);
        let pause = FIRST_PAUSE.saturating_mul(1 << count.min(6)).min(MAX_PAUSE).mul_f64(0.5 + random / 2.0);
        let asked_for = error.retry_after().unwrap_or_default().min(MAX_RETRY_AFTER);
        let until = now + pause.max(asked_for);
        self.failure = Some(Failure { error: error.clone(), count: count + 1, until });
        self.kept.as_ref().map(|kept| kept.secret.clone()).ok_or(error)
    }
}

#[cfg(test)]
mod tests {
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

    fn shown(look: Look) -> String {
        match look {
            Look::Fresh(secret) => format!("fresh {}", secret.secret().expose()),
            Look::Due(secret) => {
                format!("due {}", secret.map_or("-".into(), |secret| secret.secret().expose().to_owned()))
            }
            Look::Failed(error) => format!("failed {:?}", error.kind()),
        }
    }

    #[test]
    fn a_secret_is_believed_for_its_time_and_due_then() {
        let mut entry = Entry::default();
        assert_eq!(shown(entry.look(SECOND, TTL)), "due -");
        assert!(!entry.succeeds(secret("one"), SECOND, None));
        assert_eq!(shown(entry.look(TTL, TTL)), "fresh one");
        assert_eq!(shown(entry.look(TTL + SECOND, TTL)), "due one");
        assert!(!entry.succeeds(secret("one"), TTL + SECOND, None), "the same again");
        assert!(entry.succeeds(secret("two"), 2 * TTL, None), "another one");
        assert_eq!(shown(entry.look(2 * TTL, TTL)), "fresh two");
    }

    #[test]
    fn while_a_provider_is_down_what_was_read_goes_on_and_it_is_left_alone_for_longer_and_longer() {
        let mut entry = Entry::default();
        entry.succeeds(secret("one"), Duration::ZERO, None);
        let mut now = TTL;
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(shown(entry.look(now, TTL)), "due one");
            let goes_on = entry.fails(error(SecretErrorKind::Unavailable), now, 1.0).unwrap();
            assert_eq!(goes_on.secret().expose(), "one");
            now += pause * SECOND;
            assert_eq!(shown(entry.look(now - SECOND / 10, TTL)), "fresh one", "it is left alone");
        }
        entry.succeeds(secret("two"), now, None);
        entry.fails(error(SecretErrorKind::Unavailable), now + TTL, 1.0).unwrap();
        assert_eq!(shown(entry.look(now + TTL + SECOND, TTL)), "due two", "and from the beginning");
    }

    #[test]
    fn whatever_else_goes_wrong_what_was_read_goes_on() {
        use SecretErrorKind::{Empty, Throttled, Unavailable, UnknownScheme, Unreadable};
        for kind in [Empty, Throttled, Unavailable, UnknownScheme, Unreadable] {
            let mut entry = Entry::default();
            entry.succeeds(secret("one"), Duration::ZERO, None);
            assert_eq!(entry.fails(error(kind), TTL, 0.0).unwrap().secret().expose(), "one", "{kind:?}");
        }
    }

    #[test]
    fn whose_secret_was_refused_gets_another_one_or_has_the_provider_asked() {
        let mut entry = Entry::default();
        let known = |entry: &Entry, refused: &str, now| {
            entry
                .after_refusal(&secret(refused), now)
                .map(|known| known.unwrap().secret().expose().to_owned())
        };
        entry.succeeds(secret("one"), Duration::ZERO, None);
        assert_eq!(known(&entry, "one", Duration::ZERO), None);
        entry.succeeds(secret("two"), SECOND, None);
        assert_eq!(known(&entry, "one", SECOND).as_deref(), Some("two"), "somebody has read it since");
        entry.fails(error(SecretErrorKind::Throttled).with_retry_after(60 * SECOND), SECOND, 0.0).unwrap();
        assert_eq!(known(&entry, "two", 60 * SECOND).as_deref(), Some("two"), "it is too soon");
        assert_eq!(known(&entry, "two", 61 * SECOND), None);
    }

    #[test]
    fn a_secret_is_read_again_when_it_ends() {
        let mut entry = Entry::default();
        entry.succeeds(secret("one"), SECOND, Some(60 * SECOND));
        assert_eq!(shown(entry.look(60 * SECOND, TTL)), "fresh one");
        assert_eq!(shown(entry.look(61 * SECOND, TTL)), "due one");
    }

    #[test]
    fn while_both_live_the_secret_before_is_there_for_when_the_new_one_is_refused() {
        let mut entry = Entry::default();
        entry.succeeds(secret("one"), Duration::ZERO, None);
        let before = |entry: &Entry, refused: &str, now| {
            entry.before(&secret(refused), now).map(|secret| secret.secret().expose().to_owned())
        };
        assert_eq!(before(&entry, "one", SECOND), None, "there is none");
        entry.succeeds(secret("two"), TTL, None);
        entry.succeeds(secret("two"), 2 * TTL, None);
        assert_eq!(before(&entry, "two", TTL + OVERLAP - SECOND).as_deref(), Some("one"));
        assert_eq!(before(&entry, "two", TTL + OVERLAP), None);
        assert_eq!(before(&entry, "one", 2 * TTL), None, "it is the one that was refused");
        entry.succeeds(secret("two"), TTL + OVERLAP, None);
        assert!(entry.previous.is_none(), "it is not kept for longer");
        entry.succeeds(secret("three"), 2 * OVERLAP, None);
        entry.fails(error(SecretErrorKind::Disabled), 2 * OVERLAP, 0.0).unwrap_err();
        assert!(entry.previous.is_none(), "a secret that has ended takes it along");
    }

    #[test]
    fn a_secret_that_is_gone_does_not_go_on() {
        for kind in [SecretErrorKind::NotFound, SecretErrorKind::Disabled, SecretErrorKind::Forbidden] {
            let mut entry = Entry::default();
            entry.succeeds(secret("one"), Duration::ZERO, None);
            assert_eq!(entry.fails(error(kind), TTL, 0.0).unwrap_err().kind(), kind);
            assert_eq!(shown(entry.look(TTL, TTL)), format!("failed {kind:?}"));
            assert_eq!(shown(entry.look(TTL + SECOND, TTL)), "due -");
        }
    }

    #[test]
    fn a_provider_is_left_alone_for_as_long_as_it_asks_but_not_for_ever() {
        for (asked, seconds) in [(30, 30), (86_400, 600)] {
            let mut entry = Entry::default();
            let throttled = error(SecretErrorKind::Throttled).with_retry_after(asked * SECOND);
            entry.fails(throttled, Duration::ZERO, 0.0).unwrap_err();
            assert_eq!(shown(entry.look(seconds * SECOND - SECOND / 10, TTL)), "failed Throttled");
            assert_eq!(shown(entry.look(seconds * SECOND, TTL)), "due -");
        }
    }
}
