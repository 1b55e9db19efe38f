//! What a requirement needs of the issuer's answer. Pure.

use std::time::Duration;

/// The answer that a requirement needs, and whether the request can continue without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NeededAnswer {
    /// The maximum age of the answer. Zero if the issuer is asked for each request.
    pub(crate) max_age: Duration,
    /// How long after the last answer a token is accepted if there is no answer now: the smallest
    /// time of the parts of the requirement that set one.
    continue_for: Option<Duration>,
    /// Whether a part of the requirement sets no time, so that the issuer's settings apply to it.
    follows_issuer: bool,
}

impl NeededAnswer {
    /// Creates the need of an answer with a maximum age. The issuer's settings decide whether the
    /// request can continue without it.
    pub(crate) fn within(max_age: Duration) -> Self {
        Self { max_age, continue_for: None, follows_issuer: true }
    }

    /// Sets how long after the last answer a token is accepted, instead of the issuer's settings.
    pub(crate) fn continuing_for(self, time: Duration) -> Self {
        Self { continue_for: Some(time), follows_issuer: false, ..self }
    }

    /// Returns what both parts of a requirement need: the stricter of each setting.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            max_age: self.max_age.min(other.max_age),
            continue_for: self.continue_for.into_iter().chain(other.continue_for).min(),
            follows_issuer: self.follows_issuer || other.follows_issuer,
        }
    }

    /// Returns how long after the last answer a token is accepted if there is no answer now; zero
    /// if it is not. `issuer` is the setting of the issuer.
    pub(crate) fn continue_for(&self, issuer: Option<Duration>) -> Duration {
        let of_issuer = self.follows_issuer.then(|| issuer.unwrap_or_default());
        self.continue_for.into_iter().chain(of_issuer).min().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
