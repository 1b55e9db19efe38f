//! Parses one entry of a key set (a JWK).

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::jwt::{
    algorithm::{Algorithm, AllowedAlgorithms},
    signature::{Material, VerifyingKey},
};

/// A public key for one algorithm. The key is parsed when the issuer first publishes it. Later
/// key sets that contain the key share the parsed key.
#[derive(Debug)]
pub(crate) struct Key {
    pub(super) identity: KeyIdentity,
    verifying: VerifyingKey,
}

/// The identity of a key across key sets. A key with an equal identity in a new key set is not
/// parsed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyIdentity {
    pub(super) kid: Option<String>,
    pub(super) algorithm: Algorithm,
    material: Material,
    /// The member `issuer`, with which Entra names the issuer that the key belongs to.
    issuer: Option<String>,
}

/// The reason why an entry of a key set is skipped. A skipped entry verifies no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub(crate) enum UnusableKey {
    #[error("kty, crv and alg match no allowed algorithm, see `algorithms`")]
    Algorithm,
    #[error("more than four keys have this kid")]
    DuplicateKid,
    #[error("use or key_ops does not allow verifying signatures")]
    Purpose,
    #[error("invalid key: malformed, weak, or not of an accepted size (RSA: 2048 to 8192 bits)")]
    Invalid,
    #[error("not a JWK: expected an object with strings as kty and kid")]
    NotAJwk,
    #[error("more than 100 entries: this one and those after it are not read")]
    TooMany,
}

impl Key {
    /// Parses an entry. Returns one key for each allowed algorithm that the entry can be used for.
    /// `reuse` returns the key with the given identity in the previous key set, or `None` if that
    /// key set has no such key.
    pub(super) fn parse(
        entry: &str,
        allowed: &AllowedAlgorithms,
        reuse: impl Fn(&KeyIdentity) -> Option<Arc<Self>>,
    ) -> Result<Vec<Arc<Self>>, UnusableKey> {
        let jwk: Jwk = serde_json::from_str(entry).map_err(|_| UnusableKey::NotAJwk)?;
        if !jwk.is_for_verifying() {
            return Err(UnusableKey::Purpose);
        }
        let algorithms: Vec<_> = jwk.algorithms().filter(|algorithm| allowed.contains(*algorithm)).collect();
        if algorithms.is_empty() {
            return Err(UnusableKey::Algorithm);
        }
        let key = |algorithm| {
            let (kid, issuer) = (jwk.kid.clone(), text(&jwk.issuer).map(str::to_owned));
            let identity = KeyIdentity { kid, algorithm, material: jwk.material()?, issuer };
            reuse(&identity).or_else(|| Self::new(identity))
        };
        algorithms.into_iter().map(key).collect::<Option<_>>().ok_or(UnusableKey::Invalid)
    }

    /// Parses the key material. Returns `None` if the key material is malformed or weak, or if its
    /// size is not accepted.
    fn new(identity: KeyIdentity) -> Option<Arc<Self>> {
        let verifying = VerifyingKey::new(&identity.material, identity.algorithm)?;
        Some(Arc::new(Self { identity, verifying }))
    }

    /// Returns the member `issuer` of the key. `None` if the key has none.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.identity.issuer.as_deref()
    }

    /// Returns whether `signature` is a valid signature of `message`.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verifying.verifies(message, signature)
    }
}

/// The members of a JWK that are read ([RFC 7517, section
/// 4](https://www.rfc-editor.org/rfc/rfc7517#section-4)). Other members, such as `x5c`, are
/// ignored, so that a member with an unexpected type does not make a valid key unusable.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<Value>,
    key_ops: Option<Value>,
    alg: Option<Value>,
    crv: Option<Value>,
    n: Option<Value>,
    e: Option<Value>,
    x: Option<Value>,
    y: Option<Value>,
    issuer: Option<Value>,
}

impl Jwk {
    /// Returns whether the issuer allows the key to verify signatures: each of `use` and `key_ops`
    /// is absent or allows verifying ([RFC 7517, sections 4.2 and
    /// 4.3](https://www.rfc-editor.org/rfc/rfc7517#section-4.2)).
    fn is_for_verifying(&self) -> bool {
        let verifies = |operations: &Value| {
            operations.as_array().is_some_and(|operations| operations.iter().any(|it| it == "verify"))
        };
        self.usage.as_ref().is_none_or(|usage| usage == "sig") && self.key_ops.as_ref().is_none_or(verifies)
    }

    /// Returns the algorithms that the type and the curve of the key support. If the key has an
    /// `alg`, returns at most the algorithm with that name.
    fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        let of_type: &[Algorithm] = match (self.kty.as_str(), text(&self.crv)) {
            ("RSA", _) => &[Algorithm::Rs256, Algorithm::Ps256],
            ("EC", Some("P-256")) => &[Algorithm::Es256],
            ("OKP", Some("Ed25519")) => &[Algorithm::EdDsa],
            _ => &[],
        };
        let alg = self.alg.as_ref();
        let fits = move |algorithm: &Algorithm| alg.is_none_or(|alg| algorithm.has_name(|name| alg == name));
        of_type.iter().copied().filter(fits)
    }

    /// Returns the numbers of the public key. Returns `None` if a number is missing or not a
    /// string, or if the key type (`kty`) is not supported.
    fn material(&self) -> Option<Material> {
        let member = |value| text(value).map(str::to_owned);
        match self.kty.as_str() {
            "RSA" => Some(Material::Rsa { n: member(&self.n)?, e: member(&self.e)? }),
            "EC" => Some(Material::P256 { x: member(&self.x)?, y: member(&self.y)? }),
            "OKP" => Some(Material::Ed25519 { x: member(&self.x)? }),
            _ => None,
        }
    }
}

/// Returns the text of a member. Returns `None` if the member is missing or not a string.
fn text(value: &Option<Value>) -> Option<&str> {
    value.as_ref()?.as_str()
}
