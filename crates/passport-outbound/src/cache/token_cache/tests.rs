use super::*;

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
fn a_cache_is_bounded() {
    let cache = TokenCache::memory();
    for number in 0..CAPACITY + 1000 {
        cache.entry(key(&format!("scope-{number}")));
    }
    cache.entries.run_pending_tasks();
    assert!(cache.entries.entry_count() <= CAPACITY, "{}", cache.entries.entry_count());
}
