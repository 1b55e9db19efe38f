use super::*;
use crate::test_support::in_memory_store::InMemoryStore;

fn key(scopes: &str) -> TokenKey {
    let url = "https://passport.bizfirst.ai/passport/token".parse().unwrap();
    TokenKey::new(&"mi-1".parse().unwrap(), &url, "client_secret", &scopes.parse().unwrap())
}

#[test]
fn equal_keys_share_an_entry() {
    for cache in [TokenCache::memory(), TokenCache::disabled()] {
        let entry = cache.entry(key("openid roles"));
        assert!(Arc::ptr_eq(&entry, &cache.clone().entry(key("roles openid"))));
        assert!(!Arc::ptr_eq(&entry, &cache.entry(key("openid"))));
    }
}

#[test]
fn cache_is_bounded() {
    let cache = TokenCache::memory();
    for number in 0..CAPACITY + 1000 {
        cache.entry(key(&format!("scope-{number}")));
    }
    cache.entries.run_pending_tasks();
    assert!(cache.entries.entry_count() <= CAPACITY, "{}", cache.entries.entry_count());
}

#[test]
fn each_cache_has_its_store_sidecar_and_retention() {
    let shared = TokenCache::shared(InMemoryStore::default());
    let sidecar = TokenCache::sidecar(SidecarEndpoint::new("unix:///run/passport.sock").unwrap());
    for (cache, has_store, has_sidecar, retains) in [
        (TokenCache::memory(), false, false, true),
        (shared, true, false, true),
        (sidecar, false, true, true),
        (TokenCache::disabled(), false, false, false),
    ] {
        let parts = (cache.store().is_some(), cache.sidecar_endpoint().is_some());
        assert_eq!(parts, (has_store, has_sidecar), "{cache:?}");
        assert_eq!(cache.entry(key("openid")).retains_token(), retains, "{cache:?}");
    }
}
