use std::{fmt, sync::Arc, time::Duration};

use passport_core::{Clock, ConfigError, ConfigProblem, Issuer, SystemClock, Transport};

use crate::{
    TokenVerifier,
    jwks::{JwksSource, KeyKeeper, KeySettings},
    policy::Policy,
};

/// The most that clocks may be allowed to differ; more would keep dead tokens alive.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(10 * 60);

/// Settings of a [`TokenVerifier`]. [`build`](Self::build) reports every mistake at once.
#[must_use]
pub struct TokenVerifierBuilder {
    audiences: Vec<String>,
    issuer: Option<String>,
    jwks_url: Option<String>,
    clock_skew: Duration,
    transport: Transport,
    clock: Arc<dyn Clock>,
}

impl TokenVerifierBuilder {
    pub(crate) fn new(audience: String) -> Self {
        Self {
            audiences: vec![audience],
            issuer: None,
            jwks_url: None,
            clock_skew: Duration::from_secs(60),
            transport: Transport::default(),
            clock: Arc::new(SystemClock),
        }
    }

    /// Accepts tokens for another audience, too. Passport's managed identities have `bizfirstgo-api`, a user's token has the
    /// client id of the user's app.
    pub fn accept_audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// The Passport whose tokens are accepted, as it stands in `iss`. Defaults to `https://passport.bizfirst.ai`.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Where the signing keys are. Defaults to what the issuer's discovery document says.
    pub fn jwks_url(mut self, url: impl Into<String>) -> Self {
        self.jwks_url = Some(url.into());
        self
    }

    /// How far our clock and the issuer's may differ, for `exp`, `nbf` and `iat`. Defaults to 60 s, as Passport's own
    /// SDK has it; 10 min at most.
    pub fn clock_skew(mut self, skew: Duration) -> Self {
        self.clock_skew = skew;
        self
    }

    /// Fetches keys through `transport`. Defaults to [`HttpTransport`](crate::HttpTransport).
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// Reads the time from `clock`. Defaults to the operating system's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The verifier. Does no I/O and starts nothing.
    ///
    /// # Errors
    /// A [`ConfigError`] that lists every option that is wrong.
    pub fn build(self) -> Result<TokenVerifier, ConfigError> {
        let mut problems = Vec::new();
        let issuer = self.issuer.as_deref().map_or_else(|| Ok(Issuer::passport()), Issuer::new);
        let issuer = ConfigProblem::collect(&mut problems, "issuer", issuer).unwrap_or_default();
        let issuer = match &self.jwks_url {
            Some(url) => ConfigProblem::collect(&mut problems, "jwks_url", issuer.with_jwks_url(url)),
            None => Some(issuer),
        };
        if self.audiences.iter().any(|audience| audience.trim().is_empty()) {
            problems.push(ConfigProblem::new("audience", "it is empty; name whom the tokens are for"));
        }
        if self.clock_skew > MAX_CLOCK_SKEW {
            problems
                .push(ConfigProblem::new("clock_skew", "more than 10 min would keep expired tokens alive"));
        }
        let (Some(issuer), []) = (issuer, &*problems) else {
            return Err(ConfigError::new(problems));
        };

        let policy =
            Policy { issuer: issuer.id().to_owned(), audiences: self.audiences, clock_skew: self.clock_skew };
        let source = JwksSource::new(issuer, self.transport);
        let keeper = KeyKeeper::new(source, KeySettings::default(), Arc::clone(&self.clock));
        Ok(TokenVerifier::new(policy, keeper, self.clock))
    }
}

/// URLs are left out: until they are checked, they may hold credentials.
impl fmt::Debug for TokenVerifierBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenVerifierBuilder")
            .field("audiences", &self.audiences)
            .field("clock_skew", &self.clock_skew)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audience_is_all_that_is_needed() {
        assert!(TokenVerifier::builder("bizfirstgo-api").build().is_ok());
    }

    #[test]
    fn every_mistake_is_reported_at_once() {
        let error = TokenVerifier::builder(" ")
            .issuer("http://passport.bizfirst.ai")
            .jwks_url("keys")
            .clock_skew(Duration::from_secs(3600))
            .build()
            .unwrap_err();
        let options: Vec<_> = error.problems().iter().map(|problem| problem.option).collect();
        assert_eq!(options, ["issuer", "jwks_url", "audience", "clock_skew"]);
    }
}
