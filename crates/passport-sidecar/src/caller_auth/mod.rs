//! Callers: how they are authenticated, and what each of them may request.

mod token;

use std::{collections::BTreeSet, sync::Arc};

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest::Digest};
use futures_util::future::join_all;
use http::HeaderName;
use passport_outbound::Scopes;

pub(crate) use self::token::CallerCredential;
use self::token::sha256;
use crate::{error::ErrorResponse, peer::Peer};

pub(crate) const TOKEN_HEADER: HeaderName = HeaderName::from_static("passport-sidecar-token");

/// A service that may send requests.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) name: Arc<str>,
    /// The identities it may use. `None` is all.
    pub(crate) identities: Option<BTreeSet<String>>,
    /// The scopes it may request. `None` is the scopes that an identity is configured with.
    pub(crate) scopes: Option<BTreeSet<String>>,
}

#[derive(Debug)]
pub(crate) struct CallerRule {
    pub(crate) caller: Arc<Caller>,
    pub(crate) uids: BTreeSet<u32>,
    pub(crate) gids: BTreeSet<u32>,
    pub(crate) token: Option<CallerCredential>,
}

#[derive(Debug)]
pub(crate) struct Callers(pub(crate) Vec<CallerRule>);

impl Callers {
    /// Returns the caller of a request: on a Unix socket by its user or group, and on TCP by its
    /// token, of which `tokens` are the possible readings.
    pub(crate) async fn authenticate(
        &self,
        peer: Peer,
        tokens: &[&str],
    ) -> Result<Arc<Caller>, ErrorResponse> {
        let rule = match peer {
            Peer::Unix { uid, gid } => self.find_by_user(uid, gid)?,
            Peer::Tcp if tokens.is_empty() => {
                return Err(unauthorized(
                    "this listener wants a caller's token: in `Passport-Sidecar-Token`, or at /passport/token in the place of \
                     the client's secret",
                ));
            }
            Peer::Tcp => {
                let rule = self.find_by_token(tokens).await;
                rule.ok_or_else(|| unauthorized("the caller's token is not known"))?
            }
        };
        Ok(Arc::clone(&rule.caller))
    }

    /// Returns the name of the caller with that user, or else with that group.
    ///
    /// # Errors
    /// 403 when there is no such caller.
    pub(crate) fn name_of_user(&self, uid: u32, gid: u32) -> Result<&Arc<str>, ErrorResponse> {
        self.find_by_user(uid, gid).map(|rule| &rule.caller.name)
    }

    fn find_by_user(&self, uid: u32, gid: u32) -> Result<&CallerRule, ErrorResponse> {
        let user = self.0.iter().find(|rule| rule.uids.contains(&uid));
        let rule = user.or_else(|| self.0.iter().find(|rule| rule.gids.contains(&gid)));
        rule.ok_or_else(|| {
            ErrorResponse::forbidden(format!("user {uid} is none of the callers; list it under callers"))
        })
    }

    /// Compares with the token of each caller, in a time that does not depend on `tokens`. A token
    /// of two callers identifies neither.
    async fn find_by_token(&self, tokens: &[&str]) -> Option<&CallerRule> {
        let sent: Vec<_> = tokens.iter().map(|token| sha256(token)).collect();
        // Concurrently: a token that cannot be read must not delay the callers after it.
        let tokens = self.0.iter().filter_map(|rule| Some((rule, rule.token.as_ref()?)));
        let hashes = join_all(tokens.map(|(rule, token)| async move { (rule, token.hash().await) })).await;
        let found = hashes.into_iter().filter(|(_, hash)| hash.is_some_and(|hash| is_one_of(hash, &sent)));
        let found: Vec<_> = found.map(|(rule, _)| rule).collect();
        match found[..] {
            [rule] => Some(rule),
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
    /// Whether it may request tokens of the identity of that name.
    pub(crate) fn may_use(&self, identity: &str) -> bool {
        self.identities.as_ref().is_none_or(|identities| identities.contains(identity))
    }

    /// Whether it may request `scopes` of an identity that is configured with `defaults`.
    pub(crate) fn may_request(&self, scopes: &Scopes, defaults: &Scopes) -> bool {
        scopes.iter().all(|scope| match &self.scopes {
            Some(allowed) => allowed.contains(scope),
            None => defaults.iter().any(|default| default == scope),
        })
    }
}

#[cfg(test)]
mod tests;
