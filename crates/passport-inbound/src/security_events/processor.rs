//! Verifies logout tokens and security events, and denies their subjects.

use std::{sync::Arc, time::SystemTime};

use metrics::counter;
use passport_core::Clock;
use serde_json::{Map, Value};

use super::{
    error::{EventError, Problem},
    event::{self, DeniedTokens, SECURITY_EVENT, SecurityEvent},
    logout_token::{self, LOGOUT_TOKEN, UNTYPED_LOGOUT_TOKEN},
    replay::{ReplayMemory, StatementId, StatementKind},
    subject::EventSubject,
};
use crate::{
    Denial, DeniedSubject, DenyList, TokenVerifier,
    jwt::header::StatementType,
    metrics::{SECURITY_EVENTS, TARGET},
    untrusted_text::Quoted,
    verify::Statement,
};

/// The name of a logout in metrics and logs.
const LOGOUT: &str = "logout";

/// How a statement has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    Logout,
    Push,
    Poll,
}

/// Verifies statements, and denies their subjects. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct EventProcessor {
    pub(super) verifier: TokenVerifier,
    pub(super) deny_list: DenyList,
    /// Audiences that are accepted from each issuer, in addition to those of its access tokens.
    pub(super) audiences: Vec<String>,
    /// Whether logout tokens may have the type `JWT` or none.
    pub(super) accepts_untyped_logout: bool,
    pub(super) replays: Arc<ReplayMemory>,
}

/// A statement that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    pub(super) jti: String,
    /// Whether the statement was processed before, so that it had no effect.
    pub(super) is_replayed: bool,
}

/// A statement with valid common claims.
struct Checked {
    statement: Statement,
    claims: Map<String, Value>,
    issued_at: SystemTime,
    now: SystemTime,
    jti: String,
    id: StatementId,
}

impl EventProcessor {
    /// Processes a logout token.
    pub(super) async fn logout(&self, token: &[u8]) -> Result<(), EventError> {
        let typ = if self.accepts_untyped_logout { UNTYPED_LOGOUT_TOKEN } else { LOGOUT_TOKEN };
        let processed = self.process_logout(token, typ).await;
        report(Delivery::Logout, processed).map(drop)
    }

    /// Processes a security event token.
    pub(super) async fn event(&self, token: &[u8], delivery: Delivery) -> Result<Accepted, EventError> {
        let processed = self.process_event(token, delivery).await;
        report(delivery, processed)
    }

    async fn process_logout(&self, token: &[u8], typ: StatementType) -> Result<Accepted, EventError> {
        let checked = self.check(token, typ, StatementKind::LogoutToken).await?;
        // The claims are checked first: a known `jti` in an access token is no success.
        let subject = logout_token::subject(&checked.claims)?;
        if self.is_replayed(&checked, Delivery::Logout) {
            return Ok(Accepted { jti: checked.jti, is_replayed: true });
        }
        let denied = DeniedTokens { subject, issued_before: checked.issued_at };
        self.deny(denials(&checked.statement, denied)?).await?;
        record(&checked, Delivery::Logout, LOGOUT, "denied");
        Ok(self.remember(checked))
    }

    async fn process_event(&self, token: &[u8], delivery: Delivery) -> Result<Accepted, EventError> {
        let checked = self.check(token, SECURITY_EVENT, StatementKind::SecurityEvent).await?;
        let issuer = checked.statement.claims.iss().unwrap_or_default();
        let events = event::events(&checked.claims, issuer, checked.issued_at, checked.now)?;
        if self.is_replayed(&checked, delivery) {
            return Ok(Accepted { jti: checked.jti, is_replayed: true });
        }
        // A token with an event that cannot be used has no effect at all.
        let read = |SecurityEvent { name, denied }| -> Result<_, Problem> {
            Ok((name, denied.map(|denied| denials(&checked.statement, denied)).transpose()?))
        };
        let events = events.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        for (name, denials) in events {
            let outcome = if denials.is_some() { "denied" } else { "accepted" };
            self.deny(denials.unwrap_or_default()).await?;
            record(&checked, delivery, name, outcome);
        }
        Ok(self.remember(checked))
    }

    /// Verifies a statement, and checks the claims that all statements have.
    async fn check(
        &self,
        token: &[u8],
        typ: StatementType,
        kind: StatementKind,
    ) -> Result<Checked, EventError> {
        let statement = self.verifier.verify_statement(token, typ).await?;
        let claims: Map<String, Value> =
            serde_json::from_slice(&statement.payload).map_err(|_| Problem::Claim("events"))?;
        let registered = &statement.claims;
        let is_accepted = |audience: &String| {
            self.audiences.contains(audience) || statement.issuer.policy.audiences.contains(audience)
        };
        if !registered.aud.iter().any(is_accepted) {
            return Err(Problem::Audience.into());
        }
        let jti = registered.jti().filter(|jti| !jti.trim().is_empty()).ok_or(Problem::Claim("jti"))?;
        let issued_at = registered.iat.ok_or(Problem::Claim("iat"))?.0;
        let now = self.verifier.clock().now();
        if now.duration_since(issued_at).is_ok_and(|age| age > self.deny_list.retention()) {
            return Err(Problem::TooOld.into());
        }
        let id = StatementId::new(kind, registered.iss().unwrap_or_default(), jti);
        let jti = jti.to_owned();
        Ok(Checked { statement, claims, issued_at, now, jti, id })
    }

    fn is_replayed(&self, checked: &Checked, delivery: Delivery) -> bool {
        let is_replayed = self.replays.contains(&checked.statement.issuer.name, checked.id);
        if is_replayed {
            count(delivery, "any", "replayed");
        }
        is_replayed
    }

    /// Remembers a statement with saved denials.
    fn remember(&self, checked: Checked) -> Accepted {
        let retention = self.deny_list.retention();
        self.replays.remember(&checked.statement.issuer.name, checked.id, checked.now, retention);
        Accepted { jti: checked.jti, is_replayed: false }
    }

    /// Denies the subjects of an event, and waits until the denials are saved.
    async fn deny(&self, denials: Vec<Denial>) -> Result<(), EventError> {
        // All denials take effect before the first one is saved.
        let saving: Vec<_> = denials.iter().map(|denial| self.deny_list.deny(denial)).collect();
        for saved in saving {
            saved.await.map_err(|_| EventError::not_saved())?;
        }
        Ok(())
    }
}

impl Delivery {
    fn name(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Push => "push",
            Self::Poll => "poll",
        }
    }
}

/// Returns the denials of the subjects of a statement.
///
/// A full list can replace the denials of a tenant by a refusal of the tenant. So a denial has the
/// tenant of the statement only if all its tokens are certainly of this tenant. This is the case if
/// Passport names the tenant of a session, a token or a managed identity. A user can have tokens of
/// several tenants, and an external issuer can take the tenant of an event from another claim than
/// that of the tokens.
///
/// # Errors
/// If a subject is a tenant of which this verifier has no callers.
fn denials(statement: &Statement, denied: DeniedTokens) -> Result<Vec<Denial>, Problem> {
    let (issuer, iss) = (&statement.issuer, statement.claims.iss().unwrap_or_default());
    let DeniedTokens { subject: EventSubject { subjects, tenant }, issued_before } = denied;
    let tenant = tenant.filter(|tenant| issuer.is_passport() && !tenant.trim().is_empty());
    let denial = |subject: DeniedSubject| -> Result<Denial, Problem> {
        let of_tenant = tenant.as_ref().filter(|_| has_one_tenant(&subject));
        let subject = match subject {
            DeniedSubject::Tenant(theirs) => {
                let ours = issuer.tenant_named(&theirs).ok_or(Problem::UnknownTenant)?;
                DeniedSubject::Tenant(ours.to_owned())
            }
            other => other,
        };
        let denial = Denial::new(iss, subject, issued_before);
        Ok(of_tenant.into_iter().fold(denial, Denial::tenant))
    };
    subjects.into_iter().map(denial).collect()
}

/// Returns whether all tokens that a denial of the subject is meant for are of one tenant. Tokens
/// without a session are denied because of a session, which is of one tenant.
fn has_one_tenant(subject: &DeniedSubject) -> bool {
    match subject {
        DeniedSubject::Session(_)
        | DeniedSubject::SubjectWithoutSession(_)
        | DeniedSubject::TokenId(_)
        | DeniedSubject::ManagedIdentity(_) => true,
        DeniedSubject::Subject(_) | DeniedSubject::Tenant(_) => false,
    }
}

/// Counts and logs a statement that was not accepted. Only the content of a verified statement is
/// logged as a warning, because anyone can send another statement.
fn report(delivery: Delivery, processed: Result<Accepted, EventError>) -> Result<Accepted, EventError> {
    let name = delivery.name();
    match &processed {
        Ok(_) => {}
        Err(EventError::Rejected(code, problem)) => {
            count(delivery, "any", "rejected");
            let code = code.as_str();
            if matches!(problem, Problem::Token(_)) {
                tracing::debug!(target: TARGET, delivery = name, code, "security event rejected: {problem}");
            } else {
                tracing::warn!(target: TARGET, delivery = name, code, "security event rejected: {problem}");
            }
        }
        Err(EventError::Unavailable(_)) => {
            count(delivery, "any", "unavailable");
            tracing::debug!(target: TARGET, delivery = name, "security event not processed: it must be sent again");
        }
    }
    processed
}

/// Counts and logs an event of an accepted statement.
fn record(checked: &Checked, delivery: Delivery, event: &'static str, outcome: &'static str) {
    count(delivery, event, outcome);
    let (issuer, jti) = (&checked.statement.issuer.name, Quoted(&checked.jti));
    tracing::info!(target: TARGET, %issuer, event, outcome, ?jti, "security event received");
}

fn count(delivery: Delivery, event: &'static str, outcome: &'static str) {
    let delivery = delivery.name();
    counter!(SECURITY_EVENTS, "delivery" => delivery, "event" => event, "outcome" => outcome).increment(1);
}
