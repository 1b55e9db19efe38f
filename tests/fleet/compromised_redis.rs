//! An attacker with write access to Redis can make instances fetch their own tokens, after a
//! delay. No call fails. An instance uses only its own live tokens, and none older than its last
//! one.

use std::time::{Duration, UNIX_EPOCH};

use passport_dev::{DevPassport, DevPassportBuilder, Endpoint};
use passport_outbound::{Clock, ManagedIdentity, ManualClock, SecretSource, SystemClock, TokenCache};
use passport_redis::{EncryptionKeys, RedisTokenStore};
use redis::{Commands, Connection};

use crate::{
    harness::{KEY, Setup, keys, store, token},
    redis_server::RedisServer,
};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);
const OTHER_KEY: &str = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";

/// Returns a Passport without delay, a Redis, and the connection of an attacker with all rights.
async fn setup() -> (Setup, RedisServer, Connection) {
    setup_with(DevPassport::builder()).await
}

async fn setup_with(passport: DevPassportBuilder) -> (Setup, RedisServer, Connection) {
    let (setup, redis) = (Setup::with(passport.token_lifetime(HOUR)).await, RedisServer::start(&[]).await);
    setup.passport.clear_fault(Endpoint::Token);
    let attacker = redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    (setup, redis, attacker)
}

fn clock_at(time: Duration) -> ManualClock {
    let clock = ManualClock::at_unix_seconds(0);
    clock.set_forward(time);
    clock
}

fn names(attacker: &mut Connection, what: &str) -> Vec<String> {
    attacker.keys(format!("passport:*:{what}")).unwrap()
}

fn name(attacker: &mut Connection, what: &str) -> String {
    let mut names = names(attacker, what);
    assert_eq!(names.len(), 1, "{names:?}");
    names.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn value_with_any_byte_changed_is_not_used() {
    let (setup, redis, mut attacker) = setup().await;
    let store = store(&redis.url());
    token(&setup.identity(store.clone())).await;
    let name = name(&mut attacker, "token");
    let length = attacker.get::<_, Vec<u8>>(&name).unwrap().len();
    assert!(length > 500, "{length}");
    for position in 0..length {
        let mut value: Vec<u8> = attacker.get(&name).unwrap();
        let last = token(&setup.identity(store.clone())).await;
        value[position] ^= 0xff;
        attacker.pset_ex::<_, _, ()>(&name, value, 3_600_000).unwrap();
        let before = setup.token_requests();
        assert_ne!(token(&setup.identity(store.clone())).await, last, "byte {position}");
        assert_eq!(setup.token_requests() - before, 1, "byte {position}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn value_moved_from_another_key_is_not_used() {
    let (setup, redis, mut attacker) = setup().await;
    let store = store(&redis.url());
    let other = setup.passport.managed_identity("other").create();
    let other = || {
        ManagedIdentity::builder(other.client_id(), SecretSource::from_value(other.secret()))
            .issuer(setup.passport.issuer())
            .token_cache(TokenCache::shared(store.clone()))
            .build()
            .unwrap()
    };
    let mine = token(&setup.identity(store.clone())).await;
    let less = token(&setup.identity(store.clone()).with_scopes("openid").unwrap()).await;
    let theirs = token(&other()).await;
    let names = names(&mut attacker, "token");
    assert_eq!(names.len(), 3, "{names:?}");
    let values: Vec<Vec<u8>> = names.iter().map(|name| attacker.get(name).unwrap()).collect();
    for shift in 1..3 {
        for (number, name) in names.iter().enumerate() {
            attacker.pset_ex::<_, _, ()>(name, &values[(number + shift) % 3], 3_600_000).unwrap();
        }
        let had = [&mine, &less, &theirs];
        let identity = setup.identity(store.clone());
        for token in [
            token(&identity).await,
            token(&identity.with_scopes("openid").unwrap()).await,
            token(&other()).await,
        ] {
            assert!(!had.contains(&&token), "a moved value was used");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_value_that_redis_still_has_is_not_used() {
    let (setup, redis, mut attacker) = setup().await;
    let clock = clock_at(SystemClock.now().duration_since(UNIX_EPOCH).unwrap());
    let instance = || {
        let store = RedisTokenStore::builder(redis.url(), keys()).clock(clock.clone()).build().unwrap();
        setup.builder().clock(clock.clone()).token_cache(TokenCache::shared(store)).build().unwrap()
    };
    let first = token(&instance()).await;
    let token_key = name(&mut attacker, "token");
    let value: Vec<u8> = attacker.get(&token_key).unwrap();
    // Well after the expiry, so that the result does not depend on the second in which Passport's
    // clock issued the token.
    clock.advance(2 * HOUR);
    for keep in [None, Some(3_599_000_u64)] {
        match keep {
            None => attacker.set::<_, _, ()>(&token_key, &value).unwrap(),
            Some(time) => attacker.pset_ex::<_, _, ()>(&token_key, &value, time).unwrap(),
        }
        // Passport's clock differs; the lifetime of its tokens counts.
        let fresh = token(&instance()).await;
        assert_ne!(fresh, first);
        assert_eq!(token(&instance()).await, fresh, "the new token replaces the expired one");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn older_value_that_is_restored_is_not_used() {
    let clock = clock_at(SystemClock.now().duration_since(UNIX_EPOCH).unwrap());
    let (setup, redis, mut attacker) = setup_with(DevPassport::builder().clock(clock.clone())).await;
    let identity = setup.identity(store(&redis.url()));
    token(&identity).await;
    let name = name(&mut attacker, "token");
    let old: Vec<u8> = attacker.get(&name).unwrap();
    // Tokens are compared by `exp`, in whole seconds.
    clock.advance(2 * SECOND);
    identity.invalidate();
    let newer = token(&identity).await;
    for _ in 0..3 {
        attacker.pset_ex::<_, _, ()>(&name, &old, 3_600_000).unwrap();
        let before = setup.token_requests();
        identity.invalidate();
        assert_ne!(token(&identity).await, newer);
        assert_eq!(setup.token_requests() - before, 1);
    }
}

/// Puts an invalid value into a key. Returns `false` if there is no value with this number.
fn put_invalid_value(attacker: &mut Connection, name: &str, number: usize) -> bool {
    let _: () = attacker.del(name).unwrap();
    match number {
        0 => attacker.set::<_, _, ()>(name, "").unwrap(),
        1 => attacker.set::<_, _, ()>(name, "{\"access_token\":\"eyJ\"}\r\nSET x y\r\n").unwrap(),
        2 => attacker.set::<_, _, ()>(name, vec![1_u8; 5_000_000]).unwrap(),
        3 => attacker.rpush::<_, _, ()>(name, "a list").unwrap(),
        4 => attacker.hset::<_, _, _, ()>(name, "a", "hash").unwrap(),
        5 => attacker.set::<_, _, ()>(name, vec![1_u8, 0, 0, 0, 0]).unwrap(),
        6 => attacker.set::<_, _, ()>(name, "?").unwrap(),
        _ => return false,
    }
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_token_or_lease_is_a_miss_and_is_removed() {
    let (setup, redis, mut attacker) = setup().await;
    let store = store(&redis.url());
    token(&setup.identity(store.clone())).await;
    let token_key = name(&mut attacker, "token");
    for what in [token_key.clone(), token_key.replace(":token", ":lease")] {
        let mut number = 0;
        while put_invalid_value(&mut attacker, &what, number) {
            if what != token_key {
                let _: () = attacker.del(&token_key).unwrap();
            }
            let before = setup.token_requests();
            let began = tokio::time::Instant::now();
            let minted = token(&setup.identity(store.clone())).await;
            assert_eq!(token(&setup.identity(store.clone())).await, minted, "{what} {number}");
            assert_eq!(setup.token_requests() - before, 1, "{what} {number}");
            assert!(began.elapsed() < Duration::from_secs(5), "{what} {number}: {:?}", began.elapsed());
            number += 1;
        }
        assert_eq!(number, 7);
    }
    assert_eq!(names(&mut attacker, "lease"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_receives_no_plain_token_or_secret() {
    let (setup, redis, mut attacker) = setup().await;
    let monitor = tokio::process::Command::new("redis-cli")
        .args(["-p", &redis.port.to_string(), "MONITOR"])
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    redis.wait_until(&["CLIENT", "LIST"], |clients| clients.contains("cmd=monitor")).await;
    let identity = setup.identity(store(&redis.url()));
    let first = token(&identity).await;
    identity.invalidate();
    let second = token(&identity).await;
    let token_key = name(&mut attacker, "token");
    let value: Vec<u8> = attacker.get(token_key).unwrap();
    attacker.set::<_, _, ()>("the-end", "").unwrap();
    redis.cli(&["SHUTDOWN", "NOSAVE"]);
    let seen = monitor.wait_with_output().await.unwrap().stdout;
    let seen = [seen, value].concat();
    let seen = String::from_utf8_lossy(&seen);
    assert!(seen.contains("the-end") && seen.contains("PUBLISH"), "{seen}");
    for secret in first.split('.').chain(second.split('.')).chain([setup.registered.secret(), KEY]) {
        assert!(!seen.contains(secret), "{secret}");
    }
    assert!(!seen.contains("eyJ"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_redis_key_has_the_namespace_and_an_expiry() {
    let (setup, redis, mut attacker) = setup().await;
    let store = RedisTokenStore::builder(redis.url(), keys()).namespace("prod.eu:a").build().unwrap();
    token(&setup.identity(store)).await;
    let names: Vec<String> = attacker.keys("*").unwrap();
    assert_eq!(names.len(), 1, "{names:?}");
    assert!(names[0].starts_with(&format!("prod.eu:a:{{{}:", setup.registered.client_id())), "{names:?}");
    let left: i64 = attacker.pttl(&names[0]).unwrap();
    assert!((3_500_000..=3_600_000).contains(&left), "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_in_different_namespaces_do_not_share() {
    let (setup, redis, _) = setup().await;
    let in_namespace = |name: &str| {
        let store = RedisTokenStore::builder(redis.url(), keys()).namespace(name).build().unwrap();
        setup.identity(store)
    };
    let (one, other) = (token(&in_namespace("one")).await, token(&in_namespace("other")).await);
    assert_ne!(one, other);
    assert_eq!(token(&in_namespace("one")).await, one);
}

#[tokio::test(flavor = "multi_thread")]
async fn key_rotation_in_two_steps_makes_no_token_request() {
    let (setup, redis, _) = setup().await;
    let old = || SecretSource::from_value(KEY);
    let new = || SecretSource::from_value(OTHER_KEY);
    let with =
        |keys: EncryptionKeys| setup.identity(RedisTokenStore::builder(redis.url(), keys).build().unwrap());
    let first = token(&with(EncryptionKeys::new(old()))).await;
    assert_eq!(token(&with(EncryptionKeys::new(old()).with_previous_keys(new()))).await, first);
    let second_step = with(EncryptionKeys::new(new()).with_previous_keys(old()));
    assert_eq!(token(&second_step).await, first);
    second_step.invalidate();
    let second = token(&second_step).await;
    assert_ne!(second, first);
    assert_eq!(token(&with(EncryptionKeys::new(old()).with_previous_keys(new()))).await, second);
    assert_eq!(token(&with(EncryptionKeys::new(new()))).await, second);
    assert_eq!(setup.token_requests(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_with_another_key_fetches_its_own_token() {
    let (setup, redis, _) = setup().await;
    let with =
        |keys: EncryptionKeys| setup.identity(RedisTokenStore::builder(redis.url(), keys).build().unwrap());
    let mine = token(&with(keys())).await;
    for other in [
        EncryptionKeys::new(SecretSource::from_value(OTHER_KEY)),
        EncryptionKeys::new(SecretSource::from_value("no key")),
        EncryptionKeys::new(SecretSource::env("THERE_IS_NO_SUCH_KEY")),
        EncryptionKeys::danger_unencrypted(),
    ] {
        assert_ne!(token(&with(other)).await, mine);
    }
}

/// An instance without keys takes no lease, so others do not wait for it.
#[tokio::test(flavor = "multi_thread")]
async fn instances_without_keys_do_not_wait_for_each_other() {
    let (setup, redis, mut attacker) = setup().await;
    let store = RedisTokenStore::builder(redis.url(), EncryptionKeys::new(SecretSource::env("NO_SUCH_KEY")));
    let store = store.build().unwrap();
    let began = tokio::time::Instant::now();
    for _ in 0..4 {
        token(&setup.identity(store.clone())).await;
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(names(&mut attacker, "*"), Vec::<String>::new());
}

/// The store never writes a value with a TTL longer than the life of its token.
#[tokio::test(flavor = "multi_thread")]
async fn value_with_an_extended_ttl_is_not_used_and_is_replaced() {
    let (setup, redis, mut attacker) = setup().await;
    let store = store(&redis.url());
    let first = token(&setup.identity(store.clone())).await;
    let token_key = name(&mut attacker, "token");
    let _: bool = attacker.pexpire(&token_key, 31_536_000_000).unwrap();
    let second = token(&setup.identity(store.clone())).await;
    assert_ne!(second, first);
    assert_eq!(token(&setup.identity(store)).await, second, "the new token is stored");
}

/// A forged notification only makes waiting instances read the store.
#[tokio::test(flavor = "multi_thread")]
async fn forged_notifications_and_leases_are_no_outage() {
    let (setup, redis, mut attacker) = setup().await;
    let store = store(&redis.url());
    token(&setup.identity(store.clone())).await;
    let token_key = name(&mut attacker, "token");
    let _: () = attacker.del(&token_key).unwrap();
    let lease = token_key.replace(":token", ":lease");
    let _: () = attacker.pset_ex(&lease, "attacker", 31_536_000_000).unwrap(); // for a year
    let identity = setup.identity(store);
    let waits = tokio::spawn(async move { token(&identity).await });
    for _ in 0..1000 {
        let _: () = attacker.publish("passport:news", [0xff_u8; 100].as_slice()).unwrap();
        let _: () = attacker.publish("passport:news", setup.registered.client_id()).unwrap();
    }
    // An instance that sees the lease shortens its TTL.
    let asked = tokio::time::Instant::now();
    waits.await.unwrap();
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
}

/// With a wrong clock no token is used longer, and no instance makes more than one request per
/// lifetime.
#[tokio::test(flavor = "multi_thread")]
async fn instances_share_within_the_limits_of_both_clocks() {
    let (setup, redis, _) = setup().await;
    let now = SystemClock.now().duration_since(UNIX_EPOCH).unwrap();
    let at = |clock: &ManualClock| {
        let store = RedisTokenStore::builder(redis.url(), keys()).clock(clock.clone()).build().unwrap();
        setup.builder().clock(clock.clone()).token_cache(TokenCache::shared(store)).build().unwrap()
    };
    let [right, ahead, behind] = [now, now + 20 * MINUTE, now - 20 * MINUTE].map(clock_at);
    let first = token(&at(&right)).await;
    let instances = [(&ahead, at(&ahead), 40), (&behind, at(&behind), 60)];
    for (clock, instance, minutes) in &instances {
        let shared = instance.token().await.unwrap();
        assert_eq!(shared.expose(), first);
        let left = shared.expires_at().duration_since(clock.now()).unwrap();
        assert!(left <= *minutes * MINUTE && left > (minutes - 1) * MINUTE, "{left:?}");
    }
    for (clock, instance, minutes) in &instances {
        clock.advance((minutes - 2) * MINUTE);
        assert_eq!(token(instance).await, first);
        clock.advance(2 * MINUTE);
        assert_ne!(token(instance).await, first, "it has expired");
    }
    assert_eq!(setup.token_requests(), 2, "one instance uses the token that the other fetched");
}
