//! The functions that the fuzz targets call. These functions assert that no input causes a
//! panic. They also assert that this crate's parsers and other parsers have the same result for
//! input that this crate's parsers accept.

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
        header::{HeaderMembers, TokenTypes},
        issuer_pattern::IssuerPattern,
        validation::Policy,
    },
};

/// A valid token. The private key that signed the token was discarded, so no other input can be
/// a valid token.
const VALID_TOKEN: &str = include_str!("../fuzz/fixtures/token.txt");

/// The key set that verifies [`VALID_TOKEN`].
const KEYS: &[u8] = include_bytes!("../fuzz/fixtures/jwks.json");

/// A time at which [`VALID_TOKEN`] is valid, in seconds since 1970.
const NOW: u32 = 1_750_000_000;

/// A verifier that accepts [`VALID_TOKEN`] only.
static VERIFIER: LazyLock<TokenVerifier> = LazyLock::new(|| {
    let builder = TokenVerifier::builder("bizfirstgo-api").static_jwks(KEYS);
    builder.clock(ManualClock::at_unix_seconds(NOW)).build().expect("the fixture is a key set")
});

/// Fuzzes the extraction of a bearer token. The input has one `Authorization` header per line.
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
        assert_eq!(lines, 1, "a token is read from a single header only");
        assert!(value[..6].eq_ignore_ascii_case(b"bearer"));
        assert!(value.ends_with(token) && !token.starts_with(b" "));
    }
}

/// Fuzzes the caching headers of a JWKS response. The input has one header value per line.
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

/// Fuzzes the parser and the validation of claims. Compares the parsed claims with the result of
/// `serde_json`.
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
        issuer: IssuerPattern::new(claims.iss().unwrap_or_default()),
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
    // At every time, the cached validity and a new check have the same result.
    for now in times {
        let is_cached_valid = validity.is_some_and(|validity| validity.includes(now));
        assert_eq!(is_cached_valid, policy.check(&claims, now).is_ok());
    }
}

/// Returns `time` plus `by` seconds. Returns `None` if the result is out of range.
fn moved(time: SystemTime, by: i64) -> Option<SystemTime> {
    let distance = Duration::from_secs(by.unsigned_abs());
    if by < 0 { time.checked_sub(distance) } else { time.checked_add(distance) }
}

/// Fuzzes the verification of a token. Asserts that only `VALID_TOKEN` is accepted.
pub fn compact_token(input: &[u8]) {
    let Ok(token) = str::from_utf8(input) else { return };
    for _ in 0..2 {
        if let Some(Ok(caller)) = VERIFIER.try_verify(token) {
            assert_eq!((token, caller.user_id()), (VALID_TOKEN, "user-1"), "only one token was signed");
        }
    }
    let Ok(jws) = Jws::parse(token.as_bytes(), DEFAULT_MAX_LEN) else { return };
    let segments: Vec<_> = token.split('.').collect();
    assert_eq!(segments.len(), 3);
    if let Ok(payload) = jws.payload() {
        assert_eq!(BASE64_URL_SAFE_NO_PAD.encode(payload), segments[1], "the encoding is canonical");
    }
    if let Ok(signature) = jws.signature(&mut [0; MAX_SIGNATURE]) {
        assert_eq!(BASE64_URL_SAFE_NO_PAD.encode(signature), segments[2], "the encoding is canonical");
    }
    let _ = jws
        .header(&mut [0; MAX_HEADER])
        .map(|members| members.validate(&all_algorithms(), &TokenTypes::AccessToken));
}

/// Fuzzes the header parser, and compares its result with the result of `serde_json`.
pub fn header_json(input: &[u8]) {
    let Ok(members) = HeaderMembers::read(input) else { return };
    let others: HashMap<String, &RawValue> =
        serde_json::from_slice(input).expect("serde_json accepts every header that is accepted here");
    for (name, member) in [("alg", members.alg), ("kid", members.kid), ("typ", members.typ)] {
        let text = member.map(|text| text.chars().collect::<String>());
        let other = others.get(name).and_then(|value| serde_json::from_str::<String>(value.get()).ok());
        assert_eq!(text, other, "{name}");
        assert_eq!(member.is_some(), others.contains_key(name), "{name}");
        assert!(member.is_none_or(|member| text.is_some_and(|text| member.equals(&text))));
    }
    if members.validate(&all_algorithms(), &TokenTypes::AccessToken).is_ok() {
        assert!(["crit", "b64", "enc", "zip"].iter().all(|name| !others.contains_key(*name)));
    }
}

/// Fuzzes the parser of key sets.
pub fn key_set(input: &[u8]) {
    let (allowed, hasher) = (all_algorithms(), RandomState::new());
    let Ok((set, skipped)) = KeySet::parse(input, &allowed, &KeySet::default(), &hasher) else { return };
    assert!((1..=200).contains(&set.len()) && skipped.len() <= 101);
    let (second, _) = KeySet::parse(input, &allowed, &set, &hasher).expect("the same input was a key set");
    assert!(second.len() == set.len());
}

/// Returns a list that allows all supported algorithms.
fn all_algorithms() -> AllowedAlgorithms {
    AllowedAlgorithms::new(Algorithm::ALL.to_vec()).expect("the list is not empty")
}
