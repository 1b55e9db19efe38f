//! Who may ask, and for what.

pub(crate) mod token;

use std::{collections::BTreeSet, sync::Arc};

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest::Digest};
use futures_util::future::join_all;
use http::HeaderName;
use passport_outbound::Scopes;

use crate::{
    caller_auth::token::{CallerToken, sha256},
    error::ErrorResponse,
    peer::Peer,
};

pub(crate) const TOKEN_HEADER: HeaderName = HeaderName::from_static("passport-sidecar-token");

/// A service that may ask.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) name: Arc<str>,
    /// None is all.
    pub(crate) identities: Option<BTreeSet<String>>,
    /// None is what the identity asks for by itself.
    pub(crate) scopes: Option<BTreeSet<String>>,
}

#[derive(Debug)]
pub(crate) struct CallerRule {
    pub(crate) caller: Arc<Caller>,
    pub(crate) uids: BTreeSet<u32>,
    pub(crate) gids: BTreeSet<u32>,
    pub(crate) token: Option<CallerToken>,
}

#[derive(Debug)]
pub(crate) struct Callers(pub(crate) Vec<CallerRule>);

impl Callers {
    /// Who asks: by the kernel's word, or by the token that is shown, in one of its readings.
    pub(crate) async fn authenticate(
        &self,
        peer: Peer,
        shown: &[&str],
    ) -> Result<Arc<Caller>, ErrorResponse> {
        let rule = match peer {
            Peer::Unix { uid, gid } => self.find_by_user(uid, gid),
            Peer::Tcp if shown.is_empty() => {
                return Err(unauthorized(
                    "this listener wants a caller's token: in `Passport-Sidecar-Token`, or at /passport/token in the place of \
                     the client's secret",
                ));
            }
            Peer::Tcp => self.find_by_token(shown).await,
        };
        match (rule, peer) {
            (Some(rule), _) => Ok(Arc::clone(&rule.caller)),
            (None, Peer::Unix { uid, .. }) => Err(unknown_user(uid)),
            (None, Peer::Tcp) => Err(unauthorized("the caller's token is not known")),
        }
    }

    /// Returns the caller on the other end of a Unix socket. A user is looked for before its group.
    ///
    /// # Errors
    /// When it is none of the callers.
    pub(crate) fn name_of_user(&self, uid: u32, gid: u32) -> Result<&Arc<str>, ErrorResponse> {
        self.find_by_user(uid, gid).map(|rule| &rule.caller.name).ok_or_else(|| unknown_user(uid))
    }

    fn find_by_user(&self, uid: u32, gid: u32) -> Option<&CallerRule> {
        let user = self.0.iter().find(|rule| rule.uids.contains(&uid));
        user.or_else(|| self.0.iter().find(|rule| rule.gids.contains(&gid)))
    }

    /// Compares with the token of each caller, in a time that does not depend on what was shown. A
    /// token that two callers have is neither's.
    async fn find_by_token(&self, shown: &[&str]) -> Option<&CallerRule> {
        let shown: Vec<_> = shown.iter().map(|shown| sha256(shown)).collect();
        // Beside each other: a token that cannot be read must not hold up the callers after it.
        let tokens = self.0.iter().filter_map(|rule| Some((rule, rule.token.as_ref()?)));
        let hashes = join_all(tokens.map(|(rule, token)| async move { (rule, token.hash().await) })).await;
        let found = hashes.into_iter().filter(|(_, hash)| hash.is_some_and(|hash| is_one_of(hash, &shown)));
        let found: Vec<_> = found.map(|(rule, _)| rule).collect();
        match found[..] {
            [rule] => Some(rule),
            _ => None,
        }
    }
}

fn unknown_user(uid: u32) -> ErrorResponse {
    ErrorResponse::forbidden(format!("user {uid} is none of the callers; list it under callers"))
}

fn is_one_of(token: Digest, shown: &[Digest]) -> bool {
    shown.iter().any(|shown| verify_slices_are_equal(token.as_ref(), shown.as_ref()).is_ok())
}

fn unauthorized(description: &str) -> ErrorResponse {
    ErrorResponse::unauthorized("Passport-Sidecar-Token", "invalid_client", description)
}

impl Caller {
    /// Whether it may have tokens of the identity of that name.
    pub(crate) fn may_use(&self, identity: &str) -> bool {
        self.identities.as_ref().is_none_or(|identities| identities.contains(identity))
    }

    /// Whether it may ask for `scopes` of an identity that asks for `usual` by itself.
    pub(crate) fn may_request(&self, scopes: &Scopes, usual: &Scopes) -> bool {
        scopes.iter().all(|scope| match &self.scopes {
            Some(allowed) => allowed.contains(scope),
            None => usual.iter().any(|usual| usual == scope),
        })
    }
}

#[cfg(test)]
mod tests {
    use passport_core::SecretSource;

    use super::*;

    fn caller(identities: Option<&[&str]>, scopes: Option<&[&str]>) -> Caller {
        let set =
            |names: Option<&[&str]>| names.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        Caller { name: "erp".into(), identities: set(identities), scopes: set(scopes) }
    }

    fn callers() -> Callers {
        let rule = |uids: &[u32], gids: &[u32], token: Option<&str>| CallerRule {
            caller: Arc::new(caller(None, None)),
            uids: uids.iter().copied().collect(),
            gids: gids.iter().copied().collect(),
            token: token.map(|token| CallerToken::new(SecretSource::fixed(token))),
        };
        Callers(vec![
            rule(&[1000], &[2000], None),
            rule(&[], &[], Some("caller-token")),
            rule(&[], &[], None),
        ])
    }

    #[tokio::test]
    async fn on_a_unix_socket_the_kernel_says_who_it_is() {
        for (uid, gid, is_let_in) in [(1000, 9, true), (9, 2000, true), (9, 9, false), (0, 0, false)] {
            let outcome = callers().authenticate(Peer::Unix { uid, gid }, &["caller-token"]).await;
            assert_eq!(outcome.is_ok(), is_let_in, "{uid} {gid}");
        }
    }

    #[tokio::test]
    async fn on_tcp_it_is_who_has_the_token() {
        for (shown, is_let_in) in [
            (&["caller-token"][..], true),
            (&["another", "caller-token"], true),
            (&["caller-toke"], false),
            (&[""], false),
            (&[], false),
        ] {
            assert_eq!(callers().authenticate(Peer::Tcp, shown).await.is_ok(), is_let_in, "{shown:?}");
        }
    }

    #[tokio::test]
    async fn token_of_two_callers_is_neithers() {
        let Callers(mut rules) = callers();
        rules.extend(callers().0);
        assert!(Callers(rules).authenticate(Peer::Tcp, &["caller-token"]).await.is_err());
    }

    #[test]
    fn what_is_not_listed_is_not_for_the_caller() {
        let usual: Scopes = "openid roles".parse().unwrap();
        let scopes = |text: &str| text.parse::<Scopes>().unwrap();
        let any = caller(None, None);
        assert!(any.may_use("payroll") && any.may_request(&scopes("roles"), &usual));
        assert!(!any.may_request(&scopes("roles admin"), &usual), "more than the identity asks for");
        let some = caller(Some(&["erp"]), Some(&["erp.read"]));
        assert!(some.may_use("erp") && !some.may_use("payroll"));
        assert!(some.may_request(&scopes("erp.read"), &usual) && !some.may_request(&scopes("roles"), &usual));
    }
}
