//! A trusted issuer of a verifier: its signing keys, and the rules for its tokens.

mod opaque;

use std::{
    slice,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use super::{counters::TokenCounters, error::VerifyError, health::IssuerHealth, limits::KeyQueue};
use crate::{
    AudienceClaim, ClaimCondition, ClaimMap, IdInfo, RejectionReason, TenantRule,
    identity::{CallerSource, Revocation},
    introspection::{IntrospectedToken, Introspector},
    issuers::{DirectoryRule, IssuerKind, IssuerName, TenantIssuers, TrustedIssuer},
    jwks::{Installation, JwksCache, Key},
    jwt::{
        claim_path::ClaimPath,
        claim_value::{ClaimValue, ClaimValues, WantedClaims},
        claims::Claims,
        header::TokenTypes,
        issuer_pattern::{DIRECTORY_CLAIM, IssuerPattern},
        validation::{Policy, Validity},
    },
};

/// A trusted issuer of a verifier. A reload keeps the entry of an issuer that it does not
/// change, and retires all other entries.
#[derive(Debug)]
pub(crate) struct IssuerEntry {
    pub(crate) name: IssuerName,
    /// The options of the issuer.
    pub(super) options: TrustedIssuer,
    pub(crate) policy: Policy,
    pub(crate) token_types: TokenTypes,
    /// `None` for Passport.
    external: Option<ExternalRules>,
    pub(super) tenants: Arc<TenantIssuers>,
    pub(crate) jwks: Arc<JwksCache>,
    pub(super) counters: TokenCounters,
    pub(crate) key_queue: KeyQueue,
    /// `None` if the issuer has no settings for introspection.
    pub(super) introspector: Option<Arc<Introspector>>,
    /// Whether a reload has replaced or removed the entry. Tokens that were cached with a retired
    /// entry are verified again.
    is_retired: AtomicBool,
}

/// What only external issuers have.
#[derive(Debug)]
struct ExternalRules {
    /// The claims that the map, the tenant rule and the conditions read.
    wanted: WantedClaims,
    /// The path of the claim that is the audience, if it is not `aud`.
    audience: Option<ClaimPath>,
}

/// A token that passed all checks: its caller, and the period in which it is accepted.
pub(super) struct AcceptedToken {
    pub(super) caller: IdInfo,
    pub(super) validity: Validity,
}

impl IssuerEntry {
    /// Creates the entry of an issuer with valid options.
    pub(super) fn new(
        options: TrustedIssuer,
        policy: Policy,
        tenants: Arc<TenantIssuers>,
        jwks: Arc<JwksCache>,
        introspector: Option<Arc<Introspector>>,
    ) -> Self {
        let name = options.issuer_name();
        let token_types = match &options.token_types {
            Some(types) => TokenTypes::Listed(types.clone().into()),
            None => TokenTypes::AccessToken,
        };
        Self {
            external: (options.kind == IssuerKind::External).then(|| ExternalRules::of(&options)),
            counters: TokenCounters::new(),
            key_queue: KeyQueue::new(),
            is_retired: AtomicBool::new(false),
            name,
            policy,
            token_types,
            options,
            tenants,
            jwks,
            introspector,
        }
    }

    pub(crate) fn is_passport(&self) -> bool {
        self.external.is_none()
    }

    /// Returns whether the issuer's tokens are verified with its keys. Opaque tokens are not.
    pub(super) fn needs_keys(&self) -> bool {
        !self.options.has_opaque_tokens()
    }

    /// Returns whether no reload has replaced or removed the entry.
    pub(super) fn is_current(&self) -> bool {
        !self.is_retired.load(Ordering::Acquire)
    }

    /// Marks the entry as replaced or removed.
    pub(super) fn retire(&self) {
        self.is_retired.store(true, Ordering::Release);
    }

    /// Checks the claims of `token`, which `key` has verified, and returns the caller. `revocation`
    /// has the sources that can revoke the token later.
    ///
    /// # Errors
    /// The claims that were read, if any, and the reason of the rejection.
    pub(super) fn accept(
        &self,
        token: &[u8],
        payload: Vec<u8>,
        key: &Key,
        revocation: Revocation,
        now: SystemTime,
    ) -> Result<AcceptedToken, RejectedToken> {
        let (mut claims, values) = self.parse(&payload)?;
        let checked = match (&self.external, &values) {
            (Some(rules), Some(values)) => self.check_external(rules, &mut claims, values, key, now),
            _ => self.policy.check(&claims, now),
        };
        let checked = checked.and_then(|validity| self.check_tenant(&claims).map(|()| validity));
        match checked {
            Ok(validity) => {
                let introspected = self.introspector.as_ref().map(|introspector| {
                    let expires_at = claims.exp.map_or(validity.until, |exp| exp.0);
                    IntrospectedToken::new(introspector, token.into(), expires_at)
                });
                let revocation = revocation.with_introspection(introspected);
                let caller = IdInfo::new(claims, payload, validity.until, self.source(), revocation);
                Ok(AcceptedToken { caller, validity })
            }
            Err(reason) => Err(RejectedToken::Claims(reason, Box::new(claims))),
        }
    }

    /// Checks that the issuer may speak for the tenant of a token.
    fn check_tenant(&self, claims: &Claims) -> Result<(), RejectionReason> {
        let (iss, tenant) = (claims.iss().unwrap_or_default(), claims.tenant_id().unwrap_or_default());
        let is_allowed = self.tenants.allow(iss, tenant, self.options.needs_listed_tenant());
        if is_allowed { Ok(()) } else { Err(RejectionReason::TenantNotAllowed) }
    }

    /// Returns the source of the callers of this issuer.
    fn source(&self) -> CallerSource {
        CallerSource { issuer: self.name.clone(), is_external: self.external.is_some() }
    }

    /// Returns the health of the issuer's keys.
    pub(super) fn health(&self) -> IssuerHealth {
        IssuerHealth {
            name: self.name.clone(),
            is_passport: self.is_passport(),
            needs_keys: self.needs_keys(),
            jwks: self.jwks.health(),
        }
    }

    /// Counts the result for a cached token. Returns the error with the issuer.
    #[inline]
    pub(super) fn conclude_hit(
        &self,
        installation: &Installation,
        outcome: Result<IdInfo, RejectedToken>,
    ) -> Result<IdInfo, VerifyError> {
        if outcome.is_ok() {
            installation.meters.accepted();
        }
        outcome.map_err(|rejected| self.reject(rejected.reason()))
    }

    /// Counts and returns the rejection of a token of this issuer.
    pub(super) fn reject(&self, reason: RejectionReason) -> VerifyError {
        self.counters.rejected(&self.name, reason);
        VerifyError::Rejected { reason, issuer: Some(self.name.clone()) }
    }

    /// Counts a token that cannot be verified without newer keys.
    pub(super) fn keys_unavailable(&self, retry_after: Duration) -> VerifyError {
        self.counters.keys_unavailable(&self.name);
        VerifyError::KeysUnavailable { retry_after, issuer: Some(self.name.clone()) }
    }

    /// Counts a token that cannot be verified without an answer of the issuer.
    pub(super) fn introspection_unavailable(&self, retry_after: Duration) -> VerifyError {
        self.counters.introspection_unavailable(&self.name);
        VerifyError::IntrospectionUnavailable { retry_after, issuer: Some(self.name.clone()) }
    }

    /// Parses the payload. Returns the values of the claims that the claim map reads, for external
    /// issuers.
    fn parse(&self, payload: &[u8]) -> Result<(Claims, Option<ClaimValues>), RejectedToken> {
        let parsed = match &self.external {
            None => Claims::parse(payload).map(|claims| (claims, None)),
            Some(rules) => {
                Claims::parse_external(payload, &rules.wanted).map(|(claims, values)| (claims, Some(values)))
            }
        };
        parsed.map_err(RejectedToken::NotClaims)
    }

    /// Checks the claims of an external issuer's token, and maps them to a caller.
    fn check_external(
        &self,
        rules: &ExternalRules,
        claims: &mut Claims,
        values: &ClaimValues,
        key: &Key,
        now: SystemTime,
    ) -> Result<Validity, RejectionReason> {
        let validity = self.policy.check_token(claims, rules.audiences(claims, values)?, now)?;
        self.check_origin(claims, values, key)?;
        self.map_external(claims, values)?;
        Ok(validity)
    }

    /// Maps the claims of an external issuer's token to a caller.
    fn map_external(&self, claims: &mut Claims, values: &ClaimValues) -> Result<(), RejectionReason> {
        if !self.options.required_claims.iter().all(|condition| condition.is_met(values)) {
            return Err(RejectionReason::WrongTokenType);
        }
        let tenant = self.options.tenant.as_ref().and_then(|rule| rule.tenant(values));
        let tenant = tenant.ok_or(RejectionReason::TenantUnresolved)?;
        let map = self.options.claims.as_ref().ok_or(RejectionReason::SubjectUnresolved)?;
        claims.set_identity(map.apply(values, tenant)?);
        Ok(())
    }

    /// Returns the tenant of the callers that an event about a tenant denies. `theirs` is the
    /// tenant as the issuer names it. Returns `None` if it is not the tenant of any callers.
    pub(crate) fn tenant_named<'a>(&'a self, theirs: &'a str) -> Option<&'a str> {
        self.options.tenant.as_ref().map_or(Some(theirs), |rule| rule.named(theirs))
    }

    /// Checks the issuer and the times of a statement that `key` has verified. A statement is a
    /// signed token of another kind than an access token.
    pub(super) fn check_statement(
        &self,
        claims: &Claims,
        key: &Key,
        now: SystemTime,
    ) -> Result<(), RejectionReason> {
        self.policy.check_statement(claims, now)?;
        self.check_key_origin(claims.iss().unwrap_or_default(), key)
    }

    /// Checks the directory of the token, and that the key belongs to the issuer of the token.
    fn check_origin(&self, claims: &Claims, values: &ClaimValues, key: &Key) -> Result<(), RejectionReason> {
        let iss = claims.iss().unwrap_or_default();
        if let Some(directory) = self.policy.issuer.directory(iss) {
            let tid = values.get(&ClaimPath::name(DIRECTORY_CLAIM));
            if !matches!(tid, Some(ClaimValue::Text(tid)) if tid == directory) {
                return Err(RejectionReason::DirectoryNotAllowed);
            }
        }
        self.check_key_origin(iss, key)
    }

    /// Checks that the directory in `iss` is accepted, and that the key belongs to `iss`.
    fn check_key_origin(&self, iss: &str, key: &Key) -> Result<(), RejectionReason> {
        let directory = self.policy.issuer.directory(iss);
        let is_accepted = |directory: &str| match &self.options.directories {
            DirectoryRule::Unset => false,
            DirectoryRule::Listed(list) => list.iter().any(|listed| listed == directory),
            DirectoryRule::Any => true,
        };
        if directory.is_some_and(|directory| !is_accepted(directory)) {
            return Err(RejectionReason::DirectoryNotAllowed);
        }
        if self.options.checks_key_issuer || directory.is_some() {
            // The member can have the placeholder as well. Keys of a single directory can lack it.
            let is_own = match key.issuer() {
                Some(issuer) => IssuerPattern::new(issuer).matches(iss),
                None => directory.is_none(),
            };
            if !is_own {
                return Err(RejectionReason::KeyIssuerMismatch);
            }
        }
        Ok(())
    }
}

impl ExternalRules {
    fn of(issuer: &TrustedIssuer) -> Self {
        let audience = match issuer.audience_claim {
            AudienceClaim::Aud => None,
            claim => Some(ClaimPath::name(claim.name())),
        };
        let directory = ClaimPath::name(DIRECTORY_CLAIM);
        let tenant = issuer.tenant.iter().filter_map(TenantRule::path);
        let map = issuer.claims.iter().flat_map(ClaimMap::claim_paths);
        let paths = map.chain(tenant).chain(&audience).chain([&directory]);
        let paths = paths.chain(issuer.required_claims.iter().map(ClaimCondition::path));
        Self { wanted: WantedClaims::new(paths), audience }
    }

    /// Returns the audiences of a token.
    fn audiences<'a>(
        &self,
        claims: &'a Claims,
        values: &'a ClaimValues,
    ) -> Result<&'a [String], RejectionReason> {
        match self.audience.as_ref().map(|path| values.get(path)) {
            None => Ok(&claims.aud),
            Some(None) => Ok(&[]),
            Some(Some(ClaimValue::Text(audience))) => Ok(slice::from_ref(audience)),
            Some(Some(_)) => Err(RejectionReason::Malformed),
        }
    }
}

/// Why an issuer rejects a token, with what the log needs.
pub(super) enum RejectedToken {
    /// The payload is not an object of claims with the right types.
    NotClaims(serde_json::Error),
    /// The claims of a token with a valid signature are rejected.
    Claims(RejectionReason, Box<Claims>),
    /// There is nothing more to log.
    Other(RejectionReason),
}

impl RejectedToken {
    pub(super) fn reason(&self) -> RejectionReason {
        match self {
            Self::NotClaims(_) => RejectionReason::Malformed,
            Self::Claims(reason, _) | Self::Other(reason) => *reason,
        }
    }
}

impl From<RejectionReason> for RejectedToken {
    fn from(reason: RejectionReason) -> Self {
        Self::Other(reason)
    }
}

#[cfg(test)]
mod tests;
