use futures_util::future::join_all;
use passport_dev::{Endpoint, Fault};
use passport_outbound::TokenCache;

use super::*;

async fn requests_for_three_bursts_of_ten(cache: TokenCache) -> u64 {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    let identity = builder(&passport, &registered).token_cache(cache).build().unwrap();
    passport.inject(Endpoint::Token, Fault::Slow(SECOND / 20));
    for _ in 0..3 {
        for token in join_all((0..10).map(|_| identity.token())).await {
            token.unwrap();
        }
    }
    passport.counters().token()
}

#[tokio::test]
async fn each_strategy_makes_the_documented_requests() {
    assert_eq!(requests_for_three_bursts_of_ten(TokenCache::memory()).await, 1);
    assert_eq!(requests_for_three_bursts_of_ten(TokenCache::disabled()).await, 3);
}

#[tokio::test]
async fn hundred_identities_in_one_cache_have_a_token_each() {
    let passport = DevPassport::start().await.unwrap();
    let cache = TokenCache::memory();
    let identities: Vec<_> = (0..100)
        .map(|number| {
            let registered = passport.managed_identity(&format!("service-{number}")).create();
            builder(&passport, &registered).token_cache(cache.clone()).build().unwrap()
        })
        .collect();
    for _ in 0..3 {
        for identity in &identities {
            let token = identity.token().await.unwrap();
            let claims = crate::harness::claims_of(token.expose());
            assert_eq!(claims["sub"], identity.client_id().as_str());
        }
    }
    assert_eq!(passport.counters().token(), 100);
}
