//! Identifies clients as configured callers, and decides which identities and scopes each caller
//! is allowed to use.

mod token;

use std::{collections::BTreeSet, sync::Arc};

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest::Digest};
use futures_util::future::join_all;
use http::HeaderName;
use passport_outbound::Scopes;

pub(crate) use self::token::CallerCredential;
use self::token::sha256;
use crate::{error::ErrorResponse, peer::Peer};

/// The header in which a client on TCP sends its caller token.
pub(crate) const TOKEN_HEADER: HeaderName = HeaderName::from_static("passport-sidecar-token");

/// A configured service that is allowed to use the sidecar.
#[derive(Debug)]
pub(crate) struct Caller {
    /// The name of the table in `callers` that configures the caller.
    pub(crate) name: Arc<str>,
    /// The names of the identities whose tokens the caller is allowed to get. `None` allows all
    /// identities.
    pub(crate) identities: Option<BTreeSet<String>>,
    /// The scopes that the caller is allowed to request. `None` allows the scopes that are
    /// configured for the requested identity.
    pub(crate) scopes: Option<BTreeSet<String>>,
}

/// A configured caller, and the credentials that identify a client as this caller.
#[derive(Debug)]
pub(crate) struct CallerRule {
    pub(crate) caller: Arc<Caller>,
    pub(crate) uids: BTreeSet<u32>,
    pub(crate) gids: BTreeSet<u32>,
    pub(crate) token: Option<CallerCredential>,
}

/// All configured callers, with the credentials that identify clients as these callers.
#[derive(Debug)]
pub(crate) struct Callers(pub(crate) Vec<CallerRule>);

impl Callers {
    /// Identifies the client of a request as a configured caller, and returns the caller. On the
    /// Unix socket the user or group of the client's process identifies the caller. On TCP a token
    /// identifies the caller. `tokens` are the possible decodings of the token that the client
    /// sent.
    ///
    /// # Errors
    /// Returns an error response if the client is not a configured caller: a 403 on the Unix
    /// socket, and a 401 on TCP.
    pub(crate) async fn authenticate(
        &self,
        peer: Peer,
        tokens: &[&str],
    ) -> Result<Arc<Caller>, ErrorResponse> {
        let rule = match peer {
            Peer::Unix { uid, gid } => self.find_by_user(uid, gid)?,
            Peer::Tcp if tokens.is_empty() => {
                return Err(unauthorized(
                    "missing caller token: send it in `Passport-Sidecar-Token`, or as the client secret at \
                     /passport/token",
                ));
            }
            Peer::Tcp => {
                let rule = self.find_by_token(tokens).await;
                rule.ok_or_else(|| {
                    unauthorized("unknown caller token: expected the token at callers.*.token_ref")
                })?
            }
        };
        Ok(Arc::clone(&rule.caller))
    }

    /// Returns the name of the caller that is configured with the user id `uid`. If there is no
    /// such caller, returns the name of the caller that is configured with the group id `gid`.
    ///
    /// # Errors
    /// Returns a 403 if no caller is configured with the user id or the group id.
    pub(crate) fn name_of_user(&self, uid: u32, gid: u32) -> Result<&Arc<str>, ErrorResponse> {
        self.find_by_user(uid, gid).map(|rule| &rule.caller.name)
    }

    fn find_by_user(&self, uid: u32, gid: u32) -> Result<&CallerRule, ErrorResponse> {
        let user = self.0.iter().find(|rule| rule.uids.contains(&uid));
        let rule = user.or_else(|| self.0.iter().find(|rule| rule.gids.contains(&gid)));
        rule.ok_or_else(|| {
            ErrorResponse::forbidden(format!("uid {uid} matches no caller: add it to callers.*.uids"))
        })
    }

    /// Returns the caller whose token is one of `tokens`. The comparison takes constant time.
    /// Returns `None` if no caller has one of these tokens, or if several callers have the same
    /// token.
    async fn find_by_token(&self, tokens: &[&str]) -> Option<&CallerRule> {
        let sent: Vec<_> = tokens.iter().map(|token| sha256(token)).collect();
        // The tokens of all callers are read concurrently, so that a token in a file that cannot be
        // read does not delay requests of other callers.
        let tokens = self.0.iter().filter_map(|rule| Some((rule, rule.token.as_ref()?)));
        let hashes = join_all(tokens.map(|(rule, token)| async move { (rule, token.hash().await) })).await;
        let mut found =
            hashes.into_iter().filter(|(_, hash)| hash.is_some_and(|hash| is_one_of(hash, &sent)));
        match (found.next(), found.next()) {
            (Some((rule, _)), None) => Some(rule),
            _ => None,
        }
    }
}

fn is_one_of(token: Digest, sent: &[Digest]) -> bool {
    sent.iter().any(|sent| verify_slices_are_equal(token.as_ref(), sent.as_ref()).is_ok())
}

fn unauthorized(description: &str) -> ErrorResponse {
    ErrorResponse::unauthorized("Passport-Sidecar-Token", "invalid_client", description)
}

impl Caller {
    /// Returns whether the caller is allowed to get tokens of the identity `identity`.
    pub(crate) fn may_use(&self, identity: &str) -> bool {
        self.identities.as_ref().is_none_or(|identities| identities.contains(identity))
    }

    /// Returns whether the caller is allowed to request all of `scopes` for a token of an identity.
    /// `defaults` are the scopes that are configured for the identity.
    pub(crate) fn may_request(&self, scopes: &Scopes, defaults: &Scopes) -> bool {
        scopes.iter().all(|scope| match &self.scopes {
            Some(allowed) => allowed.contains(scope),
            None => defaults.iter().any(|default| default == scope),
        })
    }
}

#[cfg(test)]
mod tests;
