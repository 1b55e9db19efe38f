use std::time::Duration;

use crate::hedged;

use super::{ResolvedSecret, SecretError, SecretProvider, SecretRef, SecretSource};

/// One source, and another for when it does not answer, or not soon. They know their references themselves.
#[derive(Debug)]
pub(super) struct FirstOf {
    pub(super) first: SecretSource,
    pub(super) second: SecretSource,
}

/// How long the first source has to itself. A vault answers within it, or is in trouble.
const HEAD_START: Duration = Duration::from_secs(2);

type Outcome = Result<ResolvedSecret, SecretError>;

impl SecretProvider for FirstOf {
    async fn resolve(&self, _: &SecretRef) -> Outcome {
        first_good(self.first.resolve(), || self.second.resolve(), Result::is_ok).await
    }

    /// A source that gives what was refused has not answered.
    async fn resolve_anew(&self, _: &SecretRef, refused: &ResolvedSecret) -> Outcome {
        let is_another = |read: &Outcome| read.as_ref().is_ok_and(|read| !read.is_same(refused));
        let second = || self.second.resolve_anew(refused);
        first_good(self.first.resolve_anew(refused), second, is_another).await
    }
}

/// Returns the first good outcome, else the first secret, else the reasons of both.
async fn first_good<F: Future<Output = Outcome>>(
    first: impl Future<Output = Outcome>,
    second: impl Fn() -> F,
    is_good: impl Fn(&Outcome) -> bool,
) -> Outcome {
    let (first, second) = match hedged(HEAD_START, first, second(), &is_good).await {
        Ok(outcome) if is_good(&outcome) => return outcome,
        Ok(first) => (first, second().await),
        Err(both) => both,
    };
    match (first, second) {
        (_, second) if is_good(&second) => second,
        (Ok(first), _) => Ok(first),
        (Err(_), Ok(second)) => Ok(second),
        (Err(first), Err(second)) => Err(first.and(&second)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_that_answers_is_taken() {
        let (none, some) = (SecretSource::env("PASSPORT_NO_SUCH_VARIABLE"), SecretSource::fixed("right"));
        for source in [
            some.clone().or(SecretSource::fixed("other")),
            none.clone().or(some.clone()),
            none.clone().or(none.clone()).or(some.clone()),
        ] {
            assert_eq!(source.resolve().await.unwrap().secret().expose(), "right");
            let wrong = ResolvedSecret::new("wrong".into());
            assert_eq!(source.resolve_anew(&wrong).await.unwrap().secret().expose(), "right");
        }
    }

    #[tokio::test]
    async fn if_what_the_first_says_was_refused_the_other_is_asked() {
        let source = SecretSource::fixed("old").or(SecretSource::fixed("new"));
        let old = source.resolve().await.unwrap();
        assert_eq!(source.resolve_anew(&old).await.unwrap().secret().expose(), "new");
        let both = SecretSource::fixed("old").or(SecretSource::fixed("old"));
        assert_eq!(both.resolve_anew(&old).await.unwrap().secret().expose(), "old");
    }

    /// A source that answers after so many seconds, if ever.
    #[derive(Debug)]
    struct Slow(Option<u64>);

    impl SecretProvider for Slow {
        async fn resolve(&self, reference: &SecretRef) -> Outcome {
            match self.0 {
                Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
                None => std::future::pending().await,
            }
            Ok(ResolvedSecret::new(reference.place().into()))
        }
    }

    fn slow(seconds: Option<u64>, secret: &str) -> SecretSource {
        SecretSource::new(Slow(seconds), format!("slow:{secret}").parse().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_hangs_is_not_waited_for_if_another_answers() {
        let none = SecretSource::env("PASSPORT_NO_SUCH_VARIABLE");
        for (source, seconds) in [
            (slow(None, "hangs").or(SecretSource::fixed("right")), 2),
            (slow(None, "hangs").or(slow(Some(3), "right")), 5),
            (slow(Some(1), "right").or(SecretSource::fixed("other")), 1),
            (slow(Some(4), "right").or(slow(None, "hangs")), 4),
            (slow(Some(4), "right").or(none), 4),
        ] {
            let start = tokio::time::Instant::now();
            assert_eq!(source.resolve().await.unwrap().secret().expose(), "right");
            assert_eq!(start.elapsed().as_secs(), seconds, "{source:?}");
        }
    }

    #[tokio::test]
    async fn if_none_answers_all_reasons_are_told() {
        let none = SecretSource::env("PASSPORT_NO_SUCH_VARIABLE").or(SecretSource::file("/no/such/secret"));
        let error = none.resolve().await.unwrap_err();
        let told = error.to_string();
        assert!(told.contains("PASSPORT_NO_SUCH_VARIABLE") && told.contains("/no/such/secret"), "{told}");
    }
}
