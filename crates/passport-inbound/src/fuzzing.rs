//! The bodies of the fuzz targets: no input causes a panic, and what is accepted is what other
//! readers see in it.

use std::{
    collections::{HashMap, hash_map::RandomState},
    sync::LazyLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, header};
use passport_core::ManualClock;
use serde_json::{Map, Value, value::RawValue};

use crate::{
    Algorithm, TokenVerifier,
    authenticate::bearer::bearer,
    jwks::{Head, KeySet},
    jwt::{
        algorithm::AllowedAlgorithms,
        claims::Claims,
        compact::{DEFAULT_MAX_LEN, Jws, MAX_HEADER, MAX_SIGNATURE},
        header::HeaderMembers,
        validation::Policy,
    },
};

/// A genuine token and the keys it was signed with; its private key is nowhere.
const GENUINE: &str = include_str!("../fuzz/fixtures/token.txt");
const KEYS: &[u8] = include_bytes!("../fuzz/fixtures/jwks.json");

/// When the genuine token is good.
const NOW: u32 = 1_750_000_000;

static VERIFIER: LazyLock<TokenVerifier> = LazyLock::new(|| {
    let builder = TokenVerifier::builder("bizfirstgo-api").static_jwks(KEYS);
    builder.clock(ManualClock::at_unix_seconds(NOW)).build().expect("the fixture is a key set")
});

/// One header value for each line.
pub fn authorization_header(input: &[u8]) {
    let mut headers = HeaderMap::new();
    let mut lines = 0;
    for line in input.split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(header::AUTHORIZATION, value);
            lines += 1;
        }
    }
    if let Ok(Some(token)) = bearer(&headers) {
        let value = headers[header::AUTHORIZATION].as_bytes();
        assert_eq!(lines, 1, "of two headers none is chosen");
        assert!(value[..6].eq_ignore_ascii_case(b"bearer"));
        assert!(value.ends_with(token) && !token.starts_with(b" "));
    }
}

/// Header values, a line each.
pub fn cache_control(input: &[u8]) {
    let mut headers = HeaderMap::new();
    let names = [header::CACHE_CONTROL, header::AGE, header::DATE, header::ETAG];
    for (line, name) in input.split(|byte| *byte == b'\n').zip(names.iter().cycle()) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(name, value);
        }
    }
    let head = Head::read(&headers);
    assert!(head.fresh_for.is_none_or(|time| time <= Duration::from_secs(1 << 31)));
}

/// The payload of a token with a good signature.
pub fn claims(input: &[u8]) {
    let Ok(claims) = Claims::parse(input) else { return };
    let others: Map<String, Value> = serde_json::from_slice(input).expect("it is an object");
    let text = |name: &str| others.get(name).and_then(Value::as_str);
    assert_eq!(claims.iss(), text("iss"));
    assert_eq!(claims.sub(), text("sub"));
    assert_eq!(claims.tenant_id(), text("tenant_id"));
    assert_eq!(claims.exp.is_some(), others.get("exp").is_some_and(Value::is_number));
    assert_eq!(claims.is_service_account, others.get("is_service_account") == Some(&Value::Bool(true)));
    let policy = Policy {
        issuer: claims.iss().unwrap_or_default().to_owned(),
        audiences: claims.aud.clone(),
        clock_skew: Duration::from_secs(60),
    };
    let (exp, iat) = (claims.exp, claims.iat);
    let around = |time: SystemTime| [-61, -60, -1, 0, 1, 59, 60, 61].map(|by| moved(time, by));
    let times = [exp, iat, claims.nbf].into_iter().flatten().flat_map(|date| around(date.0)).flatten();
    let mut validity = None;
    for now in times.clone().chain([UNIX_EPOCH]) {
        validity = validity.or(policy.check(&claims, now).ok());
    }
    // The cached validity and a new check agree at every time.
    for now in times {
        let is_cached_valid = validity.is_some_and(|validity| validity.includes(now));
        assert_eq!(is_cached_valid, policy.check(&claims, now).is_ok());
    }
}

fn moved(time: SystemTime, by: i64) -> Option<SystemTime> {
    let distance = Duration::from_secs(by.unsigned_abs());
    if by < 0 { time.checked_sub(distance) } else { time.checked_add(distance) }
}

/// A whole token.
pub fn compact_token(input: &[u8]) {
    let Ok(token) = str::from_utf8(input) else { return };
    for _ in 0..2 {
        if let Some(Ok(caller)) = VERIFIER.try_verify(token) {
            assert_eq!((token, caller.user_id()), (GENUINE, "user-1"), "only one token was ever signed");
        }
    }
    let Ok(jws) = Jws::parse(token.as_bytes(), DEFAULT_MAX_LEN) else { return };
    let segments: Vec<_> = token.split('.').collect();
    assert_eq!(segments.len(), 3);
    if let Ok(payload) = jws.payload() {
        assert_eq!(BASE64_URL_SAFE_NO_PAD.encode(payload), segments[1], "one spelling of each token");
    }
    if let Ok(signature) = jws.signature(&mut [0; MAX_SIGNATURE]) {
        assert_eq!(BASE64_URL_SAFE_NO_PAD.encode(signature), segments[2], "one spelling of each token");
    }
    let _ = jws.header(&mut [0; MAX_HEADER]).map(|members| members.validate(&all_algorithms()));
}

/// The header of a token.
pub fn header_json(input: &[u8]) {
    let Ok(members) = HeaderMembers::read(input) else { return };
    let others: HashMap<String, &RawValue> =
        serde_json::from_slice(input).expect("what is read is JSON for other readers");
    for (name, member) in [("alg", members.alg), ("kid", members.kid), ("typ", members.typ)] {
        let text = member.map(|text| text.chars().collect::<String>());
        let other = others.get(name).and_then(|value| serde_json::from_str::<String>(value.get()).ok());
        assert_eq!(text, other, "{name}");
        assert_eq!(member.is_some(), others.contains_key(name), "{name}");
        assert!(member.is_none_or(|member| text.is_some_and(|text| member.says(&text))));
    }
    if members.validate(&all_algorithms()).is_ok() {
        assert!(["crit", "b64", "enc", "zip"].iter().all(|name| !others.contains_key(*name)));
    }
}

/// The document of an issuer's keys.
pub fn key_set(input: &[u8]) {
    let (allowed, marks) = (all_algorithms(), RandomState::new());
    let Ok((set, skipped)) = KeySet::parse(input, &allowed, &KeySet::default(), &marks) else { return };
    assert!((1..=200).contains(&set.len()) && skipped.len() <= 101);
    let (again, _) = KeySet::parse(input, &allowed, &set, &marks).expect("it was a key set before");
    assert!(again.len() == set.len());
}

fn all_algorithms() -> AllowedAlgorithms {
    AllowedAlgorithms::new(Algorithm::ALL.to_vec()).expect("there are some")
}
