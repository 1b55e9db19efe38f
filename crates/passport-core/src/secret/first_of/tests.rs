use super::*;

#[tokio::test]
async fn first_readable_source_is_used() {
    let (none, some) = (SecretSource::env("PASSPORT_NO_SUCH_VARIABLE"), SecretSource::from_value("right"));
    for source in [
        some.clone().or(SecretSource::from_value("other")),
        none.clone().or(some.clone()),
        none.clone().or(none.clone()).or(some.clone()),
    ] {
        assert_eq!(source.resolve().await.unwrap().secret().expose(), "right");
        let wrong = ResolvedSecret::new("wrong".into());
        assert_eq!(source.refresh(&wrong).await.unwrap().secret().expose(), "right");
    }
}

#[tokio::test]
async fn second_source_replaces_a_rejected_secret() {
    let source = SecretSource::from_value("old").or(SecretSource::from_value("new"));
    let old = source.resolve().await.unwrap();
    assert_eq!(source.refresh(&old).await.unwrap().secret().expose(), "new");
    let both = SecretSource::from_value("old").or(SecretSource::from_value("old"));
    assert_eq!(both.refresh(&old).await.unwrap().secret().expose(), "old");
}

/// A provider that returns its secret after the given number of seconds, or never if the number
/// is `None`.
#[derive(Debug)]
struct Slow(Option<u64>);

impl SecretProvider for Slow {
    async fn resolve(&self, reference: &SecretRef) -> Resolved {
        match self.0 {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
        Ok(ResolvedSecret::new(reference.path().into()))
    }
}

fn slow(seconds: Option<u64>, secret: &str) -> SecretSource {
    SecretSource::new(Slow(seconds), format!("slow:{secret}").parse().unwrap())
}

#[tokio::test(start_paused = true)]
async fn hanging_source_does_not_delay_a_working_one() {
    let none = SecretSource::env("PASSPORT_NO_SUCH_VARIABLE");
    for (source, seconds) in [
        (slow(None, "hangs").or(SecretSource::from_value("right")), 2),
        (slow(None, "hangs").or(slow(Some(3), "right")), 5),
        (slow(Some(1), "right").or(SecretSource::from_value("other")), 1),
        (slow(Some(4), "right").or(slow(None, "hangs")), 4),
        (slow(Some(4), "right").or(none), 4),
    ] {
        let start = tokio::time::Instant::now();
        assert_eq!(source.resolve().await.unwrap().secret().expose(), "right");
        assert_eq!(start.elapsed().as_secs(), seconds, "{source:?}");
    }
}

#[tokio::test]
async fn failure_of_all_sources_lists_every_reason() {
    let none = SecretSource::env("PASSPORT_NO_SUCH_VARIABLE").or(SecretSource::file("/no/such/secret"));
    let error = none.resolve().await.unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("PASSPORT_NO_SUCH_VARIABLE") && message.contains("/no/such/secret"),
        "{message}"
    );
}
