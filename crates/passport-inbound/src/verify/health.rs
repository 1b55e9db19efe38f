//! The health of the trusted issuers of a verifier.

use std::fmt;

use crate::{issuers::IssuerName, jwks::JwksHealth};

/// The issuers that must have usable keys before a service is ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReadyPolicy {
    /// Every trusted issuer. An outage of one identity provider then makes the service unready for
    /// the callers of all others.
    All,
    /// Every Passport. If no Passport is trusted: at least one of the other issuers.
    #[default]
    Passport,
    /// At least one trusted issuer.
    Any,
}

/// The health of the signing keys of all trusted issuers. Returned by
/// [`TokenVerifier::health`](crate::TokenVerifier::health). Its `Display` prints one line for
/// each issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierHealth {
    issuers: Vec<IssuerHealth>,
}

/// The health of the signing keys of one trusted issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerHealth {
    pub(super) name: IssuerName,
    pub(super) is_passport: bool,
    /// False if the tokens of the issuer can be opaque: the service is then ready without keys.
    pub(super) needs_keys: bool,
    pub(super) jwks: JwksHealth,
}

impl VerifierHealth {
    pub(super) fn new(issuers: Vec<IssuerHealth>) -> Self {
        Self { issuers }
    }

    /// Returns the health of each issuer, in the order of the configuration.
    #[must_use]
    pub fn issuers(&self) -> &[IssuerHealth] {
        &self.issuers
    }

    /// Returns the health of the issuer with this name. Returns `None` if there is no such issuer.
    #[must_use]
    pub fn issuer(&self, name: &str) -> Option<&IssuerHealth> {
        self.issuers.iter().find(|issuer| issuer.name == *name)
    }

    /// Returns whether tokens can be verified, by [`ReadyPolicy::Passport`]. Use this method in
    /// readiness probes.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.is_usable_for(ReadyPolicy::default())
    }

    /// Returns whether tokens of the issuers that `policy` selects can be verified.
    #[must_use]
    pub fn is_usable_for(&self, policy: ReadyPolicy) -> bool {
        let is_usable = |issuer: &IssuerHealth| issuer.jwks.is_usable() || !issuer.needs_keys;
        policy.is_met(self.issuers.iter().map(|issuer| (issuer.is_passport, is_usable(issuer))))
    }
}

impl IssuerHealth {
    /// Returns the name of the issuer, as it is configured.
    #[must_use]
    pub fn name(&self) -> &IssuerName {
        &self.name
    }

    /// Returns whether the issuer is a Passport.
    #[must_use]
    pub fn is_passport(&self) -> bool {
        self.is_passport
    }

    /// Returns the health of the signing keys.
    #[must_use]
    pub fn jwks(&self) -> &JwksHealth {
        &self.jwks
    }
}

impl ReadyPolicy {
    /// Returns whether the policy is met. Each item says whether an issuer is a Passport, and
    /// whether its keys are usable.
    pub(super) fn is_met(self, issuers: impl Iterator<Item = (bool, bool)> + Clone) -> bool {
        let has_passport = issuers.clone().any(|(is_passport, _)| is_passport);
        let mut issuers = issuers;
        match self {
            Self::All => issuers.all(|(_, is_usable)| is_usable),
            Self::Passport if has_passport => {
                issuers.all(|(is_passport, is_usable)| is_usable || !is_passport)
            }
            Self::Passport | Self::Any => issuers.any(|(_, is_usable)| is_usable),
        }
    }

    /// Returns whether the keys of all issuers that the policy needs must be usable.
    pub(super) fn needs_all(self, has_passport: bool) -> bool {
        match self {
            Self::All => true,
            Self::Passport => has_passport,
            Self::Any => false,
        }
    }

    /// Returns whether the policy needs the keys of an issuer. `has_passport` is true if at least
    /// one Passport is trusted.
    pub(super) fn needs(self, is_passport: bool, has_passport: bool) -> bool {
        !matches!(self, Self::Passport) || is_passport || !has_passport
    }
}

/// Prints one line for each issuer.
impl fmt::Display for VerifierHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, issuer) in self.issuers.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{issuer}")?;
        }
        Ok(())
    }
}

/// Prints one line for a log or a status page.
impl fmt::Display for IssuerHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.jwks)
    }
}

#[cfg(test)]
mod tests;
