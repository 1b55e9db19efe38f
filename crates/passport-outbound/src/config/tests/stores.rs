//! Stores that a configuration names.

use super::*;

/// A store that takes a name, and does nothing.
#[derive(Debug)]
struct Named;

impl StoreKind for Named {
    fn keys(&self) -> &'static [ConfigKey] {
        static KEYS: &[ConfigKey] =
            &[ConfigKey::text("name", "Its name."), ConfigKey::secret_reference("key_ref", "Its key.")];
        KEYS
    }

    fn cache(&self, settings: &mut StoreSettings<'_>) -> Option<crate::TokenCache> {
        if settings.text("name").is_none() {
            settings.wrong("name", "it is missing");
        }
        settings.secret("key_ref");
        Some(crate::TokenCache::memory())
    }
}

fn of_a_store(settings: &Value) -> ManagedIdentityConfig {
    serde_json::from_value(json!({
        "client_id": "mi-1", "client_secret_ref": "env:SECRET", "cache": { "named": settings },
    }))
    .unwrap()
}

#[test]
fn unregistered_store_is_named_without_its_settings() {
    let told = mistakes_with(&json!({ "cache": { "redis": { "url": "hidden" } } }));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("cache.redis: ") && told[0].contains("Providers::with_store"), "{told:?}");
    assert!(!told[0].contains("hidden"));
}

#[test]
fn mistakes_of_a_store_are_reported_under_its_name() {
    let providers = Providers::default().with_store("named", Named);
    let built = of_a_store(&json!({ "nam": "x", "key_ref": "hidden" })).build_with(&providers);
    let told: Vec<_> =
        built.unwrap_err().problems().iter().map(|problem| problem.option.to_string()).collect();
    assert_eq!(told, ["cache.named.nam", "cache.named.name", "cache.named.key_ref"]);
    assert!(of_a_store(&json!("x")).build_with(&providers).is_err());
    assert!(of_a_store(&json!({ "name": "x" })).build_with(&providers).is_ok());
}

#[test]
fn identities_that_say_the_same_of_their_cache_share_it() {
    let providers = Providers::default().with_store("named", Named);
    let entry = |name: &str, providers: &Providers| {
        let identity = of_a_store(&json!({ "name": name })).build_with(providers).unwrap();
        std::sync::Arc::clone(&identity.manager.entry)
    };
    let shares = |one, other| std::sync::Arc::ptr_eq(&one, &other);
    assert!(shares(entry("x", &providers), entry("x", &providers.clone())));
    assert!(!shares(entry("x", &providers), entry("y", &providers)));
    for others in [
        Providers::default().with_store("named", Named),
        providers.clone().with_secrets(passport_core::SecretProviders::default()),
        providers.clone().with_store("named", Named),
    ] {
        assert!(!shares(entry("x", &providers), entry("x", &others)), "other keys, other passwords");
    }
}

#[test]
fn a_cache_and_none_contradict_each_other() {
    let mut config = of_a_store(&json!({ "name": "x" }));
    config.values.as_mut().unwrap().insert("cache_tokens".to_owned(), json!(false));
    let built = config.build_with(Providers::default().with_store("named", Named));
    assert_eq!(built.unwrap_err().problems()[0].option, "cache_tokens");
}
