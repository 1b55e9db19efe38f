use super::*;

fn key(scopes: &str) -> TokenKey {
    let url = "https://passport.bizfirst.ai/passport/token".parse().unwrap();
    TokenKey::new(&"mi-1".parse().unwrap(), &url, "client_secret", &scopes.parse().unwrap())
}

#[test]
fn equal_keys_share_an_entry() {
    for cache in [TokenCache::memory(), TokenCache::coalescing()] {
        let entry = cache.entry(key("openid roles"));
        assert!(Arc::ptr_eq(&entry, &cache.clone().entry(key("roles openid"))));
        assert!(!Arc::ptr_eq(&entry, &cache.entry(key("openid"))));
    }
}

#[test]
fn a_disabled_cache_shares_nothing() {
    let cache = TokenCache::disabled();
    assert!(!Arc::ptr_eq(&cache.entry(key("openid")), &cache.entry(key("openid"))));
}

#[test]
fn a_cache_is_bounded() {
    let cache = TokenCache::memory();
    for number in 0..CAPACITY + 1000 {
        cache.entry(key(&format!("scope-{number}")));
    }
    let entries = cache.entries.unwrap();
    entries.run_pending_tasks();
    assert!(entries.entry_count() <= CAPACITY, "{}", entries.entry_count());
}
