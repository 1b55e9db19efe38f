use super::{ResolvedSecret, SecretError, SecretProvider, SecretRef, SecretSource};

/// One source, and another for when it does not answer. They know their references themselves.
#[derive(Debug)]
pub(super) struct FirstOf {
    pub(super) first: SecretSource,
    pub(super) second: SecretSource,
}

impl SecretProvider for FirstOf {
    async fn resolve(&self, _: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        match self.first.resolve().await {
            Ok(secret) => Ok(secret),
            Err(first) => self.second.resolve().await.map_err(|second| first.and(&second)),
        }
    }

    /// A source that gives what was refused has not answered.
    async fn resolve_anew(
        &self,
        _: &SecretRef,
        refused: &ResolvedSecret,
    ) -> Result<ResolvedSecret, SecretError> {
        let is_another = |read: &Result<ResolvedSecret, SecretError>| {
            read.as_ref().is_ok_and(|read| read.secret().expose() != refused.secret().expose())
        };
        let first = self.first.resolve_anew(refused).await;
        if is_another(&first) {
            return first;
        }
        let second = self.second.resolve_anew(refused).await;
        match (first, second) {
            (_, second) if is_another(&second) => second,
            (Ok(first), _) => Ok(first),
            (Err(_), Ok(second)) => Ok(second),
            (Err(first), Err(second)) => Err(first.and(&second)),
        }
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

    #[tokio::test]
    async fn if_none_answers_all_reasons_are_told() {
        let none = SecretSource::env("PASSPORT_NO_SUCH_VARIABLE").or(SecretSource::file("/no/such/secret"));
        let error = none.resolve().await.unwrap_err();
        let told = error.to_string();
        assert!(told.contains("PASSPORT_NO_SUCH_VARIABLE") && told.contains("/no/such/secret"), "{told}");
    }
}
