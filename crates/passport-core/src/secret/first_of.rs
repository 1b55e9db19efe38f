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

    async fn resolve_anew(&self, _: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        match self.first.resolve_anew().await {
            Ok(secret) => Ok(secret),
            Err(first) => self.second.resolve_anew().await.map_err(|second| first.and(&second)),
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
            assert_eq!(source.resolve_anew().await.unwrap().secret().expose(), "right");
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
