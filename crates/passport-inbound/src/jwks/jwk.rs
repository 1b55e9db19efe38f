//! One entry of a key set: what it is good for.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
};

use crate::{
    algorithm::{Algorithm, AllowedAlgorithms},
    signature::VerifyingKey,
};

/// A usable key, bound to one algorithm. Parsed when it is first published, and shared by all sets that have it.
#[derive(Debug)]
pub(crate) struct Key {
    pub(super) identity: Identity,
    verifying: VerifyingKey,
    standing: AtomicU8,
}

/// What makes a key the same key in the next set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) kid: Option<String>,
    pub(super) algorithm: Algorithm,
    /// As it was published: the curve, if there is one, and two numbers.
    material: [String; 3],
}

/// For which tokens a key counts. The order matters: more is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Standing {
    /// It is not published any more.
    Retired,
    /// For tokens that name it.
    Named,
    /// And for tokens that name none.
    Tried,
}

/// Why an entry of a key set is of no use here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("its algorithm is not among the allowed ones")]
    Algorithm,
    #[error("there are more than four of this name")]
    NameTaken,
    #[error("it is not for verifying signatures (use, key_ops)")]
    Purpose,
    #[error("it is not a well-formed key of an acceptable size")]
    Key,
    #[error("it is not a JWK")]
    Shape,
    #[error("there are more than a hundred; neither it nor those behind it are looked at")]
    TooMany,
}

impl Key {
    /// The keys that an entry is: one for each allowed algorithm that it fits.
    pub(super) fn of(
        entry: &str,
        allowed: &AllowedAlgorithms,
        known: impl Fn(&Identity) -> Option<Arc<Self>>,
    ) -> Result<Vec<Arc<Self>>, Unusable> {
        let jwk: Jwk = serde_json::from_str(entry).map_err(|_| Unusable::Shape)?;
        if !is_for_verifying(&jwk.common) {
            return Err(Unusable::Purpose);
        }
        let fitting: Vec<_> = fitting(&jwk).filter(|algorithm| allowed.contains(*algorithm)).collect();
        if fitting.is_empty() {
            return Err(Unusable::Algorithm);
        }
        let key = |algorithm| {
            let identity =
                Identity { kid: jwk.common.key_id.clone(), algorithm, material: material(&jwk.algorithm)? };
            known(&identity).or_else(|| Self::parsed(identity, &jwk.algorithm))
        };
        fitting.into_iter().map(key).collect::<Option<_>>().ok_or(Unusable::Key)
    }

    fn parsed(identity: Identity, parameters: &AlgorithmParameters) -> Option<Arc<Self>> {
        let verifying = VerifyingKey::new(parameters, identity.algorithm)?;
        Some(Arc::new(Self { identity, verifying, standing: AtomicU8::new(Standing::Named as u8) }))
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verifying.verifies(message, signature)
    }

    pub(crate) fn stands(&self, standing: Standing) {
        self.standing.store(standing as u8, Ordering::Relaxed);
    }

    /// Whether it still counts for a token for which `standing` is needed.
    pub(crate) fn is_at_least(&self, standing: Standing) -> bool {
        self.standing.load(Ordering::Relaxed) >= standing as u8
    }
}

/// `use` and `key_ops` may be absent, but must not say something else
/// ([RFC 7517, sections 4.2 and 4.3](https://www.rfc-editor.org/rfc/rfc7517#section-4.2)).
fn is_for_verifying(common: &CommonParameters) -> bool {
    let for_signing = common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
    let operations = common.key_operations.as_ref();
    for_signing && operations.is_none_or(|operations| operations.contains(&KeyOperations::Verify))
}

/// The algorithms that the entry's type is for and its `alg`, if there is one, does not exclude.
fn fitting(jwk: &Jwk) -> impl Iterator<Item = Algorithm> {
    let of_type: &[Algorithm] = match jwk.algorithm {
        AlgorithmParameters::RSA(_) => &[Algorithm::Rs256, Algorithm::Ps256],
        AlgorithmParameters::EllipticCurve(_) => &[Algorithm::Es256],
        AlgorithmParameters::OctetKeyPair(_) => &[Algorithm::EdDsa],
        _ => &[],
    };
    let alg = jwk.common.key_algorithm;
    of_type.iter().copied().filter(move |algorithm| alg.is_none_or(|alg| alg == published_as(*algorithm)))
}

fn published_as(algorithm: Algorithm) -> KeyAlgorithm {
    match algorithm {
        Algorithm::Es256 => KeyAlgorithm::ES256,
        Algorithm::EdDsa => KeyAlgorithm::EdDSA,
        Algorithm::Ps256 => KeyAlgorithm::PS256,
        Algorithm::Rs256 => KeyAlgorithm::RS256,
    }
}

fn material(parameters: &AlgorithmParameters) -> Option<[String; 3]> {
    match parameters {
        AlgorithmParameters::RSA(rsa) => Some([String::new(), rsa.n.clone(), rsa.e.clone()]),
        AlgorithmParameters::EllipticCurve(ec) => {
            Some([format!("{:?}", ec.curve), ec.x.clone(), ec.y.clone()])
        }
        AlgorithmParameters::OctetKeyPair(okp) => {
            Some([format!("{:?}", okp.curve), okp.x.clone(), String::new()])
        }
        _ => None,
    }
}
