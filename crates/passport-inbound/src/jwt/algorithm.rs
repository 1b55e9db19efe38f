//! Signature algorithms, and the list of allowed algorithms.

use std::{fmt, str::FromStr};

/// A signature algorithm ([RFC 7518, section
/// 3.1](https://www.rfc-editor.org/rfc/rfc7518#section-3.1), [RFC
/// 8037](https://www.rfc-editor.org/rfc/rfc8037#section-3.1)).
///
/// Passport signs with RS256. By default, only RS256 is allowed; see
/// [`algorithms`](crate::TokenVerifierBuilder::algorithms). The algorithm `none` and algorithms
/// with a shared secret (HMAC) are not supported, so such algorithms cannot be configured by
/// mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// ECDSA with P-256 and SHA-256. Verifying takes longer than with RS256.
    Es256,
    /// Ed25519. The name of the algorithm in tokens is `EdDSA` or `Ed25519` ([RFC
    /// 9864](https://www.rfc-editor.org/rfc/rfc9864#section-2.2)). Verifying takes longer than with
    /// RS256.
    EdDsa,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
}

impl Algorithm {
    /// Returns the name in `alg`, which is case-sensitive: `EdDSA` for Ed25519.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Ps256 => "PS256",
            Self::Rs256 => "RS256",
        }
    }

    /// All supported algorithms.
    pub(crate) const ALL: [Self; 4] = [Self::Es256, Self::EdDsa, Self::Ps256, Self::Rs256];

    /// Returns whether `same_as` returns `true` for a name of the algorithm in tokens and keys.
    /// Ed25519 has two names, and each other algorithm has one. A closure compares the names,
    /// because a name in a token can have JSON escapes.
    pub(crate) fn has_name(self, mut same_as: impl FnMut(&str) -> bool) -> bool {
        same_as(self.name()) || (self == Self::EdDsa && same_as("Ed25519"))
    }
}

/// The algorithms that the configuration allows. Never empty.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct AllowedAlgorithms(Vec<Algorithm>);

impl AllowedAlgorithms {
    /// Creates the list. Returns `None` if `algorithms` is empty.
    pub(crate) fn new(algorithms: Vec<Algorithm>) -> Option<Self> {
        (!algorithms.is_empty()).then_some(Self(algorithms))
    }

    pub(crate) fn contains(&self, algorithm: Algorithm) -> bool {
        self.0.contains(&algorithm)
    }

    /// Returns the allowed algorithm with a name for which `same_as` returns `true`. Returns `None`
    /// if there is no such algorithm.
    pub(crate) fn named(&self, mut same_as: impl FnMut(&str) -> bool) -> Option<Algorithm> {
        self.0.iter().copied().find(|algorithm| algorithm.has_name(&mut same_as))
    }
}

/// RS256 only, as Passport's documentation requires.
impl Default for AllowedAlgorithms {
    fn default() -> Self {
        Self(vec![Algorithm::Rs256])
    }
}

/// Prints the names that the algorithms have in `alg`, for logs.
impl fmt::Debug for AllowedAlgorithms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|algorithm| algorithm.name())).finish()
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Parses a name that `alg` can have, for configuration files.
impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|algorithm| algorithm.has_name(|own| own == name));
        named.ok_or(UnknownAlgorithm { _private: () })
    }
}

/// The error of parsing an [`Algorithm`]: the name is not a supported algorithm.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown algorithm: expected RS256, PS256, ES256, EdDSA or Ed25519 (case-sensitive)")]
pub struct UnknownAlgorithm {
    _private: (),
}

/// Prints the message. A `main` that returns this error prints its `Debug` output.
impl fmt::Debug for UnknownAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
