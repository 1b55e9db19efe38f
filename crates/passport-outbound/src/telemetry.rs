//! The names of everything this crate emits, in one place. No field ever holds a token or a secret.

use std::{error::Error, fmt};

use passport_core::{AccessToken, ClientId};

use crate::TokenError;

const TARGET: &str = "passport::outbound";

/// A token has arrived.
pub(crate) fn token_fetched(client_id: &ClientId, token: &AccessToken) {
    tracing::info!(
        target: TARGET,
        %client_id,
        token = %token.fingerprint(),
        expires_at = ?token.expires_at(),
        "token fetched"
    );
}

/// An attempt has failed.
pub(crate) fn token_not_fetched(client_id: &ClientId, error: &TokenError) {
    tracing::warn!(
        target: TARGET,
        %client_id,
        kind = ?error.kind(),
        status = error.status().map(|status| status.as_u16()),
        oauth_error = error.oauth_error(),
        cause = %Causes(error),
        "token not fetched: {error}"
    );
}

/// What led to an error, from the outside in.
struct Causes<'a>(&'a TokenError);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, "{error}")?;
            cause = error.source();
            if cause.is_some() {
                f.write_str(": ")?;
            }
        }
        Ok(())
    }
}

/// A secret was read and is about to be shown to Passport.
pub(crate) fn secret_read(client_id: &ClientId, version: &str) {
    tracing::debug!(target: TARGET, %client_id, secret_version = version, "client secret read");
}
