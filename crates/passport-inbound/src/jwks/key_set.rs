use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::FetchError;
use crate::{json, signature::VerifyingKey, telemetry};

/// More entries than this are not looked at.
const MAX_KEYS: usize = 100;

/// How many keys a token without a `kid` is tried with: the newest. A bound on work, as anyone may send such
/// a token; Passport publishes two keys during a rotation and one otherwise.
const MAX_TRIES: usize = 4;

/// The usable keys of an issuer, each parsed once.
#[derive(Debug)]
pub(crate) struct KeySet {
    keys: Vec<Key>,
}

#[derive(Debug)]
struct Key {
    kid: Option<String>,
    /// As it was published, to know it again.
    modulus: String,
    key: VerifyingKey,
}

/// What a set says to a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Selected {
    /// A key verifies it.
    Verified,
    /// The key that the token names does not verify it.
    Forged,
    /// The token names a key that is not in the set.
    UnknownKey,
    /// The token names no key, and none of those tried verifies it.
    NoneFits,
}

impl KeySet {
    /// Reads a JWK set ([RFC 7517, section 5](https://www.rfc-editor.org/rfc/rfc7517#section-5)). An entry that is of
    /// no use is skipped; a set without a usable entry is an error, so that it can never replace a good one.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, FetchError> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<Box<RawValue>>,
        }
        let document: Document = json::object(body).ok_or(FetchError::NotAKeySet)?;
        let mut keys = Vec::new();
        for (position, entry) in document.keys.iter().take(MAX_KEYS).enumerate() {
            match serde_json::from_str(entry.get()).ok().and_then(usable) {
                Some(key) => keys.push(key),
                None => telemetry::key_skipped(position),
            }
        }
        if keys.is_empty() { Err(FetchError::NoUsableKey) } else { Ok(Self { keys }) }
    }

    /// The keys that `previous` did not have come first, then the others as they stood there. In a first set, those from
    /// the end come first: most issuers append. The order matters only to tokens without a `kid`, which are tried with
    /// the first few.
    pub(crate) fn newest_first(mut self, previous: Option<&Self>) -> Self {
        let known_at = |key: &Key| previous?.keys.iter().position(|known| known.modulus == key.modulus);
        self.keys.reverse();
        self.keys.sort_by_key(known_at); // unknown ones, `None`, sort first
        self
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Looks for a key that verifies `signature`. With a `kid`, only keys of that name count.
    pub(crate) fn select(&self, kid: Option<&str>, message: &[u8], signature: &[u8]) -> Selected {
        let verifies = |key: &&Key| key.key.verifies(message, signature);
        let Some(kid) = kid else {
            let found = self.keys.iter().take(MAX_TRIES).find(verifies);
            return if found.is_some() { Selected::Verified } else { Selected::NoneFits };
        };
        let mut named = self.keys.iter().filter(|key| key.kid.as_deref() == Some(kid)).peekable();
        if named.peek().is_none() {
            return Selected::UnknownKey;
        }
        if named.take(MAX_TRIES).any(|key| verifies(&key)) { Selected::Verified } else { Selected::Forged }
    }
}

fn usable(jwk: Jwk) -> Option<Key> {
    let AlgorithmParameters::RSA(rsa) = &jwk.algorithm else { return None };
    if !is_for_rs256(&jwk.common) {
        return None;
    }
    Some(Key { key: VerifyingKey::from_jwk(rsa)?, modulus: rsa.n.clone(), kid: jwk.common.key_id })
}

/// `use`, `key_ops` and `alg` may be absent, but must not say something else.
fn is_for_rs256(common: &CommonParameters) -> bool {
    let for_signing = common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
    let for_verifying =
        common.key_operations.as_ref().is_none_or(|operations| operations.contains(&KeyOperations::Verify));
    let algorithm = common.key_algorithm.is_none_or(|algorithm| algorithm == KeyAlgorithm::RS256);
    for_signing && for_verifying && algorithm
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn modulus(bytes: usize) -> String {
        // 0xc7 repeated: odd, and with its top bit set.
        use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
        BASE64_URL_SAFE_NO_PAD.encode(vec![0xc7; bytes])
    }

    fn good() -> Value {
        json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "a", "n": modulus(256), "e": "AQAB" })
    }

    fn changed(name: &str, value: Value) -> Value {
        let mut key = good();
        key[name] = value;
        key
    }

    fn usable_of(keys: &[Value]) -> Result<usize, FetchError> {
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).map(|set| set.len())
    }

    #[test]
    fn a_key_may_leave_its_purpose_open() {
        for name in ["use", "alg", "kid"] {
            let mut key = good();
            key.as_object_mut().unwrap().remove(name);
            assert_eq!(usable_of(&[key]).unwrap(), 1, "{name}");
        }
        assert_eq!(usable_of(&[changed("key_ops", json!(["verify"]))]).unwrap(), 1);
    }

    #[test]
    fn a_key_for_something_else_is_skipped_and_the_others_stay() {
        for odd in [
            changed("use", json!("enc")),
            changed("key_ops", json!(["encrypt"])),
            changed("alg", json!("RS512")),
            changed("alg", json!("RSA-OAEP")),
            changed("alg", json!("ML-DSA-65")),
            changed("kty", json!("AKP")),
            changed("kty", json!("oct")),
            changed("n", json!("not base64!")),
            changed("n", json!(5)),
            changed("n", json!(modulus(128))),
            changed("n", json!(modulus(2048))),
            changed("kid", json!(5)),
            json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" }),
            json!(null),
            json!("key"),
        ] {
            assert_eq!(usable_of(&[odd.clone(), good()]).unwrap(), 1, "{odd}");
        }
    }

    #[test]
    fn a_set_without_a_usable_key_is_an_error() {
        assert!(matches!(usable_of(&[]), Err(FetchError::NoUsableKey)));
        assert!(matches!(usable_of(&[changed("use", json!("enc"))]), Err(FetchError::NoUsableKey)));
    }

    #[test]
    fn what_is_no_set_is_an_error() {
        for body in ["", "<html>", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":null}"#, r#"{"keys":[}"#] {
            assert!(matches!(KeySet::parse(body.as_bytes()), Err(FetchError::NotAKeySet)), "{body}");
        }
    }

    #[test]
    fn the_newest_keys_come_first() {
        let named = |kid: &str, byte: u8| {
            use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
            let mut key = changed("kid", json!(kid));
            key["n"] = json!(BASE64_URL_SAFE_NO_PAD.encode(vec![byte; 256]));
            key
        };
        let set = |keys: &[Value]| KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap();
        let kids = |set: &KeySet| set.keys.iter().map(|key| key.kid.clone().unwrap()).collect::<Vec<_>>();
        let (a, b, c) = (named("a", 0xc1), named("b", 0xc3), named("c", 0xc5));
        let first = set(&[a.clone(), b.clone()]).newest_first(None);
        assert_eq!(kids(&first), ["b", "a"]);
        assert_eq!(
            kids(&set(&[a.clone(), c.clone(), b.clone()]).newest_first(Some(&first))),
            ["c", "b", "a"]
        );
    }

    #[test]
    fn a_name_that_is_not_in_the_set_never_falls_back() {
        let set = KeySet::parse(json!({ "keys": [good()] }).to_string().as_bytes()).unwrap();
        assert_eq!(set.select(Some("b"), b"m", b"s"), Selected::UnknownKey);
        assert_eq!(set.select(Some("A"), b"m", b"s"), Selected::UnknownKey);
        assert_eq!(set.select(Some("a"), b"m", b"s"), Selected::Forged);
        assert_eq!(set.select(None, b"m", b"s"), Selected::NoneFits);
    }
}
