//! A fleet that shares its deny list through Redis: a denial of one instance is refused by all.

use std::time::Duration;

use futures_util::future::join_all;
use passport_inbound::{
    Clock, Denial, DeniedSubject, DenyList, IdInfo, ManualClock, SystemClock, TokenVerifier,
};
use passport_outbound::SecretSource;
use passport_redis::{EncryptionKeys, RedisDenyListStore, RedisDenyListStoreBuilder};
use passport_test_support::processes::eventually;
use tokio::time::{Instant, timeout};

use crate::{
    cluster_and_sentinel::{Sentinels, cluster},
    harness::{Setup, keys},
    redis_server::RedisServer,
};

const HOUR: Duration = Duration::from_secs(3600);
/// The limit for a denial after an outage: the pause of the list after several failures.
const RECOVERY: Duration = Duration::from_secs(60);
const OTHER_KEY: &str = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";

/// An instance of a service.
struct Instance {
    list: DenyList,
    verifier: TokenVerifier,
}

impl Instance {
    async fn start(setup: &Setup, store: RedisDenyListStoreBuilder) -> Self {
        let list = DenyList::builder().store(store.build().unwrap()).open().await.unwrap();
        let passport = &setup.passport;
        let verifier = TokenVerifier::builder(passport.audience()).issuer(passport.issuer());
        Self { verifier: verifier.deny_list(list.clone()).build().unwrap(), list }
    }

    async fn on(setup: &Setup, redis: &RedisServer) -> Self {
        Self::start(setup, RedisDenyListStore::builder(redis.url(), keys())).await
    }

    async fn accepts(&self, token: &str) -> bool {
        self.verifier.verify(token).await.is_ok()
    }
}

/// A service with a token of its own, and the denial of the token.
struct Caller {
    token: String,
    denial: Denial,
}

impl Caller {
    async fn new(setup: &Setup, name: &str, verifier: &TokenVerifier) -> Self {
        let token = setup.passport.managed_identity(name).create().token().build();
        let verified = verifier.verify(&token).await.unwrap();
        let subject = DeniedSubject::Subject(verified.user_id().to_owned());
        Self { token, denial: Denial::new(setup.passport.issuer(), subject, SystemClock.now() + HOUR) }
    }

    async fn verified_by(&self, instance: &Instance) -> IdInfo {
        instance.verifier.verify(&self.token).await.unwrap()
    }
}

async fn setup() -> (Setup, RedisServer) {
    (Setup::with_tokens_for(HOUR).await, RedisServer::start(&[]).await)
}

/// Waits until the token of `caller` is denied.
async fn denied(caller: IdInfo) {
    timeout(RECOVERY, caller.expired()).await.expect("the denial arrives");
}

#[tokio::test(flavor = "multi_thread")]
async fn denial_reaches_other_instances_within_100_ms() {
    let (setup, redis) = setup().await;
    let (one, other) = (Instance::on(&setup, &redis).await, Instance::on(&setup, &redis).await);
    let mut delays = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        let caller = Caller::new(&setup, name, &one.verifier).await;
        let waiting = tokio::spawn(denied(caller.verified_by(&other).await));
        let began = Instant::now();
        one.list.deny(&caller.denial).await.unwrap();
        waiting.await.unwrap();
        delays.push(began.elapsed());
        assert!(!other.accepts(&caller.token).await && !one.accepts(&caller.token).await);
    }
    delays.sort_unstable();
    println!("figure: from a denial to its effect in another instance: {delays:?}");
    assert!(delays[2] < Duration::from_millis(100), "{delays:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_instance_loads_all_denials() {
    let (setup, redis) = setup().await;
    let one = Instance::on(&setup, &redis).await;
    let caller = Caller::new(&setup, "caller", &one.verifier).await;
    // More than two replies of Redis have.
    let others = (0..2_100).map(|number| {
        let subject = DeniedSubject::Subject(number.to_string());
        one.list.deny(&Denial::new(setup.passport.issuer(), subject, SystemClock.now()))
    });
    join_all(others).await.into_iter().collect::<Result<Vec<_>, _>>().unwrap();
    one.list.deny(&caller.denial).await.unwrap();
    drop(one);
    let restarted = Instance::on(&setup, &redis).await;
    assert_eq!(restarted.list.len(), 2_101);
    assert!(!restarted.accepts(&caller.token).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn denials_before_and_during_an_outage_are_shared_after_it() {
    let (setup, mut redis) = setup().await;
    let (one, other) = (Instance::on(&setup, &redis).await, Instance::on(&setup, &redis).await);
    let before = Caller::new(&setup, "before", &one.verifier).await;
    let during = Caller::new(&setup, "during", &one.verifier).await;
    one.list.deny(&before.denial).await.unwrap();
    redis.kill();
    let error = one.list.deny(&during.denial).await.unwrap_err().to_string();
    assert!(error.contains("cannot reach Redis"), "{error}");
    assert!(!one.accepts(&during.token).await, "it is in effect nevertheless");
    assert!(other.accepts(&during.token).await);
    redis.restart().await;
    denied(during.verified_by(&other).await).await;
    // Redis has lost its data, and the instances have stored their denials again.
    eventually(async || match redis.cli(&["ZCARD", "passport:{deny-list}:expiries"]).as_str() {
        "0" | "1" => Err("a denial is missing in Redis".to_owned()),
        _ => Ok(()),
    })
    .await;
    let new = Instance::on(&setup, &redis).await;
    assert!(!new.accepts(&before.token).await && !new.accepts(&during.token).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_with_another_key_skips_the_denials() {
    let (setup, redis) = setup().await;
    let one = Instance::on(&setup, &redis).await;
    let first = Caller::new(&setup, "first", &one.verifier).await;
    one.list.deny(&first.denial).await.unwrap();
    let key = |key: &str| EncryptionKeys::new(SecretSource::from_value(key));
    let store = |keys| RedisDenyListStore::builder(redis.url(), keys);
    let wrong = Instance::start(&setup, store(key(OTHER_KEY))).await;
    assert!(wrong.list.is_empty() && wrong.accepts(&first.token).await);
    let both = store(key(OTHER_KEY).with_previous_keys(SecretSource::from_value(crate::harness::KEY)));
    assert!(!Instance::start(&setup, both).await.accepts(&first.token).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_another_program_are_skipped() {
    let (setup, redis) = setup().await;
    let (one, other) = (Instance::on(&setup, &redis).await, Instance::on(&setup, &redis).await);
    let caller = Caller::new(&setup, "caller", &one.verifier).await;
    let waiting = tokio::spawn(denied(caller.verified_by(&other).await));
    for entry in [&["denial", "junk"][..], &["a", "b", "c", "d"], &["", ""]] {
        redis.cli(&[&["XADD", "passport:{deny-list}:denials", "*"], entry].concat());
    }
    one.list.deny(&caller.denial).await.unwrap();
    waiting.await.unwrap();
    assert_eq!((other.list.len(), Instance::on(&setup, &redis).await.list.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_denials_are_deleted_from_redis() {
    let (setup, redis) = setup().await;
    let one = Instance::on(&setup, &redis).await;
    let caller = Caller::new(&setup, "caller", &one.verifier).await;
    let expires_at = SystemClock.now() - Duration::from_secs(120);
    one.list.deny(&caller.denial.clone().expires_at(expires_at)).await.unwrap();
    assert_eq!(redis.cli(&["XLEN", "passport:{deny-list}:denials"]), "0");
    one.list.deny(&caller.denial).await.unwrap();
    assert_eq!(redis.cli(&["XLEN", "passport:{deny-list}:denials"]), "1");
    assert_eq!(redis.cli(&["ZCARD", "passport:{deny-list}:expiries"]), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn denial_that_is_expired_by_one_clock_only_stays_in_redis() {
    let (setup, redis) = setup().await;
    let store = RedisDenyListStore::builder(redis.url(), keys()).clock(ManualClock::at_unix_seconds(0));
    let (behind, right) = (Instance::start(&setup, store).await, Instance::on(&setup, &redis).await);
    let caller = Caller::new(&setup, "caller", &right.verifier).await;
    let expired = caller.denial.expires_at(SystemClock.now() - Duration::from_secs(120));
    behind.list.deny(&expired).await.unwrap();
    assert_eq!(redis.cli(&["XLEN", "passport:{deny-list}:denials"]), "1", "the clock of Redis is ahead");
    right.list.deny(&expired).await.unwrap();
    assert_eq!(redis.cli(&["XLEN", "passport:{deny-list}:denials"]), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_share_denials_through_a_cluster() {
    let setup = Setup::with_tokens_for(HOUR).await;
    let servers = cluster().await;
    let urls: Vec<_> = servers.iter().map(RedisServer::url).collect();
    let store = || RedisDenyListStore::cluster(urls.clone(), keys());
    let (one, other) = (Instance::start(&setup, store()).await, Instance::start(&setup, store()).await);
    let caller = Caller::new(&setup, "caller", &one.verifier).await;
    let waiting = tokio::spawn(denied(caller.verified_by(&other).await));
    one.list.deny(&caller.denial).await.unwrap();
    waiting.await.unwrap();
    assert!(!Instance::start(&setup, store()).await.accepts(&caller.token).await);
    assert!(other.list.health().is_complete(), "{}", other.list.health());
}

#[tokio::test(flavor = "multi_thread")]
async fn denials_before_and_after_a_sentinel_failover_are_shared() {
    let setup = Setup::with_tokens_for(HOUR).await;
    let mut servers = Sentinels::start().await;
    let urls = servers.urls();
    let store = || RedisDenyListStore::sentinel(urls.clone(), Sentinels::SERVICE, keys());
    let (one, other) = (Instance::start(&setup, store()).await, Instance::start(&setup, store()).await);
    let before = Caller::new(&setup, "before", &one.verifier).await;
    let after = Caller::new(&setup, "after", &one.verifier).await;
    let waiting = tokio::spawn(denied(before.verified_by(&other).await));
    one.list.deny(&before.denial).await.unwrap();
    waiting.await.unwrap();
    servers.master.kill();
    servers.replica.wait_until(&["INFO", "replication"], |info| info.contains("role:master")).await;
    let waiting = tokio::spawn(denied(after.verified_by(&other).await));
    // The first call can still find the old primary. The instance then publishes the denial later.
    drop(one.list.deny(&after.denial).await);
    waiting.await.unwrap();
    for list in [&one.list, &other.list] {
        eventually(async || match list.health() {
            health if health.is_complete() => Ok(()),
            health => Err(health.to_string()),
        })
        .await;
    }
    let new = Instance::start(&setup, store()).await;
    assert!(!new.accepts(&before.token).await && !new.accepts(&after.token).await);
}

/// The ACL user that docs/caching.md recommends for a deny list.
const ACL: &str = "ACL SETUSER orders on >mi-password resetkeys ~passport:{deny-list}:* resetchannels -@all \
                   +eval +time +xadd +xdel +xrange +xread +zadd +zrange +zrem +hello +select";

#[tokio::test(flavor = "multi_thread")]
async fn documented_acl_allows_what_a_deny_list_needs() {
    let (setup, redis) = setup().await;
    assert_eq!(redis.cli(&ACL.split_whitespace().collect::<Vec<_>>()), "OK");
    redis.cli(&["ACL", "LOG", "RESET"]);
    let store = || {
        let builder = RedisDenyListStore::builder(redis.url(), keys());
        builder.username("orders").password(SecretSource::from_value("mi-password"))
    };
    let (one, other) = (Instance::start(&setup, store()).await, Instance::start(&setup, store()).await);
    let caller = Caller::new(&setup, "caller", &one.verifier).await;
    let waiting = tokio::spawn(denied(caller.verified_by(&other).await));
    let expires_at = SystemClock.now() - Duration::from_secs(120);
    one.list.deny(&caller.denial.clone().expires_at(expires_at)).await.unwrap();
    one.list.deny(&caller.denial).await.unwrap();
    waiting.await.unwrap();
    assert_eq!(redis.cli(&["ACL", "LOG"]), "", "no command was denied");
    assert!(include_str!("../../docs/caching.md").contains(ACL.split("-@all ").last().unwrap()));
}
