//! Changes to a request before it is forwarded: the caller in its extensions, and the removal of
//! credentials.

use http::{
    Request,
    header::{AUTHORIZATION, Entry},
};
use passport_core::{AccessToken, CallerToken};

use super::config::Config;
use crate::{IdInfo, audit::AuditedCaller, identity::Anonymous};

/// Prepares a request with a verified caller for the inner service:
///
/// - stores the caller in the extensions;
/// - removes the configured credentials.
///
/// The header that contains the token is already marked as sensitive.
pub(super) fn set_caller<B>(request: &mut Request<B>, caller: IdInfo, config: &Config) {
    if config.forwards_token
        && let Some(token) = forwarded_token(request, &caller, config)
    {
        request.extensions_mut().insert(token);
    } else if has_token_of_another(request, config) {
        request.extensions_mut().remove::<CallerToken>();
    }
    if let Some(rules) = &config.credential_rules {
        rules.strip(request, true);
    }
    config.rejections.insert_into(request.extensions_mut());
    if config.records_caller {
        record_on_span(&caller);
    }
    let extensions = request.extensions_mut();
    if let Some(audited) = extensions.get::<AuditedCaller>() {
        audited.set(&caller);
    }
    extensions.insert(caller);
}

/// Prepares a request without a verified caller for the inner service: marks the request as
/// anonymous, and removes any caller that another layer has stored in the extensions.
pub(super) fn set_anonymous<B>(request: &mut Request<B>, config: &Config) {
    if let Some(rules) = &config.credential_rules {
        rules.strip(request, false);
    }
    // A request for a public path can have a token, which is not verified. The token must not be
    // logged.
    if let Entry::Occupied(mut tokens) = request.headers_mut().entry(AUTHORIZATION) {
        tokens.iter_mut().for_each(|token| token.set_sensitive(true));
    }
    config.rejections.insert_into(request.extensions_mut());
    let extensions = request.extensions_mut();
    extensions.remove::<IdInfo>();
    extensions.remove::<CallerToken>();
    extensions.insert(Anonymous);
}

/// Writes the user id, the tenant and the name of the issuer to fields of the current span. The
/// name `enduser.id` is from
/// [OpenTelemetry](https://opentelemetry.io/docs/specs/semconv/registry/attributes/enduser/), which
/// has no names for the others. A span ignores fields that it does not declare.
fn record_on_span(caller: &IdInfo) {
    let span = tracing::Span::current();
    span.record("enduser.id", caller.user_id());
    span.record("passport.tenant_id", caller.tenant_id());
    span.record("passport.issuer", caller.issuer_name().as_str());
}

/// Returns whether the extensions have a [`CallerToken`] that is not the token of this request.
/// If the inner service used such a token, it would call other services on behalf of another
/// caller.
fn has_token_of_another<B>(request: &Request<B>, config: &Config) -> bool {
    let Some(other) = request.extensions().get::<CallerToken>() else { return false };
    !matches!(config.token(request), Ok(Some(token)) if token == other.token().expose().as_bytes())
}

/// Returns the verified token as a [`CallerToken`], for calls to other services on behalf of the
/// caller. Returns `None` if the token is not a valid [`AccessToken`].
fn forwarded_token<B>(request: &Request<B>, caller: &IdInfo, config: &Config) -> Option<CallerToken> {
    let token = std::str::from_utf8(config.token(request).ok()??).ok()?;
    AccessToken::new(token, caller.expires_at()).ok().map(CallerToken::new)
}
