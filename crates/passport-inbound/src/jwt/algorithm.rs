use std::{fmt, str::FromStr};

/// A signature algorithm ([RFC 7518, section
/// 3.1](https://www.rfc-editor.org/rfc/rfc7518#section-3.1), [RFC
/// 8037](https://www.rfc-editor.org/rfc/rfc8037#section-3.1)).
///
/// Passport signs with RS256, the only one that is accepted unless
/// [`algorithms`](crate::TokenVerifierBuilder::algorithms) says otherwise. There is no `none` here
/// and nothing with a shared secret, so neither can be configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// ECDSA with P-256 and SHA-256. Costs more time to verify than RS256.
    Es256,
    /// Ed25519, which tokens call `EdDSA`, or `Ed25519` ([RFC
    /// 9864](https://www.rfc-editor.org/rfc/rfc9864#section-2.2)). Costs more time to verify than
    /// RS256.
    EdDsa,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
}

impl Algorithm {
    /// Returns the usual name in `alg`. Names are case-sensitive.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Ps256 => "PS256",
            Self::Rs256 => "RS256",
        }
    }

    pub(crate) const ALL: [Self; 4] = [Self::Es256, Self::EdDsa, Self::Ps256, Self::Rs256];

    /// Whether one of the algorithm's names passes `same_as`.
    pub(crate) fn has_name(self, mut same_as: impl FnMut(&str) -> bool) -> bool {
        same_as(self.name()) || (self == Self::EdDsa && same_as("Ed25519"))
    }
}

/// The algorithms that an issuer may use. Never empty.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct AllowedAlgorithms(Vec<Algorithm>);

impl AllowedAlgorithms {
    /// `None` if there are none.
    pub(crate) fn new(algorithms: Vec<Algorithm>) -> Option<Self> {
        (!algorithms.is_empty()).then_some(Self(algorithms))
    }

    pub(crate) fn contains(&self, algorithm: Algorithm) -> bool {
        self.0.contains(&algorithm)
    }

    /// The allowed algorithm of that name.
    pub(crate) fn named(&self, mut same_as: impl FnMut(&str) -> bool) -> Option<Algorithm> {
        self.0.iter().copied().find(|algorithm| algorithm.has_name(&mut same_as))
    }
}

/// RS256 alone, as Passport's checklist has it.
impl Default for AllowedAlgorithms {
    fn default() -> Self {
        Self(vec![Algorithm::Rs256])
    }
}

/// As tokens spell them, for explanations.
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

/// By the name in `alg`, for configuration files.
impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|algorithm| algorithm.has_name(|own| own == name));
        named.ok_or(UnknownAlgorithm { _private: () })
    }
}

/// A name that is none of an [`Algorithm`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one of RS256, PS256, ES256 and EdDSA (or Ed25519); names are case-sensitive")]
pub struct UnknownAlgorithm {
    _private: (),
}

#[cfg(test)]
mod tests;
