//! Requirements of the issuer's answer that a token is still active.

use std::time::Duration;

use passport_core::{ConfigError, ConfigProblem};

use super::{Requirement, Rule};
use crate::{
    introspection::NeededAnswer,
    issuers::{MAX_AGE_RANGE, MAX_AGES, continue_time_problem},
};

impl Requirement {
    /// Requires that the issuer has said within the last `max_age` that the token is active ([RFC
    /// 7662](https://www.rfc-editor.org/rfc/rfc7662)); must be 1 s to 60 s. A revocation is seen
    /// within `max_age`. The issuer needs [`introspection`](crate::TrustedIssuer::introspection)
    /// settings, in any [`mode`](crate::Introspection::mode).
    ///
    /// The issuer is asked before any part of the requirement is evaluated, also if the other parts
    /// could decide alone:
    ///
    /// - A token that is not active is rejected with 401, as an expired token.
    /// - If the issuer gives no valid answer, the request is rejected with 503.
    /// - If the issuer has no settings, the request is rejected with 500, and an error is logged.
    ///
    /// ```
    /// # fn main() -> Result<(), passport_inbound::ConfigError> {
    /// use std::time::Duration;
    ///
    /// use passport_inbound::Requirement;
    ///
    /// let payers = Requirement::role("payroll.run")
    ///     .and(Requirement::introspected_within(Duration::from_secs(5))?);
    /// # let _ = payers; Ok(()) }
    /// ```
    ///
    /// # Errors
    /// If `max_age` is out of range.
    pub fn introspected_within(max_age: Duration) -> Result<Self, ConfigError> {
        if MAX_AGES.contains(&max_age) {
            return Ok(Self::introspected_at(max_age));
        }
        let problem = format_args!("{MAX_AGE_RANGE}, is {max_age:?}");
        Err(ConfigError::new(vec![ConfigProblem::new("max_age", problem)]))
    }

    /// Requires that the issuer says for each request that the token is active. One call is enough
    /// for all requirements of a request, and concurrent requests with one token share a call.
    /// Otherwise as [`introspected_within`](Self::introspected_within).
    #[must_use]
    pub fn introspected() -> Self {
        Self::introspected_at(Duration::ZERO)
    }

    /// Accepts a token while the issuer gives no valid answer, if the issuer has confirmed the
    /// token within the last `time`; must be more than 0 s and at most 1 h. Replaces the [setting
    /// of the issuer] for this requirement. Each accepted request is logged and counted.
    ///
    /// The setting applies to all parts of the requirement so far. If the requirement is combined
    /// with another that needs an answer, the shorter time counts; a part without this setting has
    /// the time of the issuer.
    ///
    /// The setting has no effect before the requirement is reached: if the issuer's
    /// [`mode`](crate::Introspection::mode) or an outer layer needs an answer as well, their
    /// settings decide first. Open streams have the setting of the issuer.
    ///
    /// **Danger:** a token that is revoked during an outage of the issuer is accepted for up to
    /// `time`. An attacker who can cause the outage can use a stolen token for as long.
    ///
    /// ```
    /// # fn main() -> Result<(), passport_inbound::ConfigError> {
    /// use std::time::Duration;
    ///
    /// use passport_inbound::Requirement;
    ///
    /// let readers = Requirement::introspected_within(Duration::from_secs(15))?
    ///     .danger_continue_when_unreachable(Duration::from_secs(600))?;
    /// # let _ = readers; Ok(()) }
    /// ```
    ///
    /// # Errors
    /// If `time` is out of range, or the requirement has no part that needs the issuer's answer.
    ///
    /// [setting of the issuer]: crate::Introspection::danger_continue_when_unreachable
    pub fn danger_continue_when_unreachable(self, time: Duration) -> Result<Self, ConfigError> {
        let problem = match (self.introspection, continue_time_problem(time)) {
            (Some(needed), None) => {
                return Ok(Self { introspection: Some(needed.continuing_for(time)), ..self });
            }
            (_, Some(problem)) => problem,
            (None, None) => {
                "needs the issuer's answer; set it on introspected() or introspected_within(..)".to_owned()
            }
        };
        Err(ConfigError::new(vec![ConfigProblem::new("danger_continue_when_unreachable", problem)]))
    }

    /// Requires an answer that is at most `max_age` old.
    fn introspected_at(max_age: Duration) -> Self {
        let introspection = Some(NeededAnswer::within(max_age));
        Self { introspection, ..Self::of(Rule::Introspected(max_age)) }
    }
}
