//! One entry of a key set.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::jwt::{
    algorithm::{Algorithm, AllowedAlgorithms},
    signature::{Material, VerifyingKey},
};

/// A usable key, bound to one algorithm. Parsed when it is first published, and shared by all sets
/// that contain it.
#[derive(Debug)]
pub(crate) struct Key {
    pub(super) identity: KeyIdentity,
    verifying: VerifyingKey,
}

/// What makes a key the same key in the next set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyIdentity {
    pub(super) kid: Option<String>,
    pub(super) algorithm: Algorithm,
    material: Material,
}

/// The reason why an entry of a key set is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub(crate) enum UnusableKey {
    #[error("no allowed algorithm fits its kty, crv and alg; see `algorithms`")]
    Algorithm,
    #[error("there are more than four of this name")]
    NameTaken,
    #[error("it is not for verifying signatures (use, key_ops)")]
    Purpose,
    #[error("it is not a well-formed key of an acceptable size and strength")]
    Key,
    #[error("it is not a JWK: an object with a text in kty, and in kid if there is one")]
    Shape,
    #[error("there are more than a hundred; neither it nor those behind it are looked at")]
    TooMany,
}

impl Key {
    /// Parses an entry: returns a key for each allowed algorithm that it fits. `reuse` returns a
    /// key that is parsed already.
    pub(super) fn of(
        entry: &str,
        allowed: &AllowedAlgorithms,
        reuse: impl Fn(&KeyIdentity) -> Option<Arc<Self>>,
    ) -> Result<Vec<Arc<Self>>, UnusableKey> {
        let jwk: Jwk = serde_json::from_str(entry).map_err(|_| UnusableKey::Shape)?;
        if !jwk.is_for_verifying() {
            return Err(UnusableKey::Purpose);
        }
        let fitting: Vec<_> = jwk.fitting().filter(|algorithm| allowed.contains(*algorithm)).collect();
        if fitting.is_empty() {
            return Err(UnusableKey::Algorithm);
        }
        let key = |algorithm| {
            let identity = KeyIdentity { kid: jwk.kid.clone(), algorithm, material: jwk.material()? };
            reuse(&identity).or_else(|| Self::parsed(identity))
        };
        fitting.into_iter().map(key).collect::<Option<_>>().ok_or(UnusableKey::Key)
    }

    fn parsed(identity: KeyIdentity) -> Option<Arc<Self>> {
        let verifying = VerifyingKey::new(&identity.material, identity.algorithm)?;
        Some(Arc::new(Self { identity, verifying }))
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verifying.verifies(message, signature)
    }
}

/// The members of a JWK that are read ([RFC 7517, section
/// 4](https://www.rfc-editor.org/rfc/rfc7517#section-4)). Others, such as `x5c`, may be of any
/// type: they do not make a good key a bad one.
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
}

impl Jwk {
    /// `use` and `key_ops` may be absent, but must not say something else
    /// ([RFC 7517, sections 4.2 and 4.3](https://www.rfc-editor.org/rfc/rfc7517#section-4.2)).
    fn is_for_verifying(&self) -> bool {
        let verifies = |operations: &Value| {
            operations.as_array().is_some_and(|operations| operations.iter().any(|it| it == "verify"))
        };
        self.usage.as_ref().is_none_or(|usage| usage == "sig") && self.key_ops.as_ref().is_none_or(verifies)
    }

    /// The algorithms that the entry's type and curve are for, and its `alg`, if there is one, does
    /// not exclude.
    fn fitting(&self) -> impl Iterator<Item = Algorithm> {
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

fn text(value: &Option<Value>) -> Option<&str> {
    value.as_ref()?.as_str()
}
