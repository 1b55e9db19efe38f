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
        token: token.map(|token| CallerCredential::new(SecretSource::from_value(token))),
    };
    Callers(vec![rule(&[1000], &[2000], None), rule(&[], &[], Some("caller-token")), rule(&[], &[], None)])
}

#[tokio::test]
async fn unix_caller_is_authenticated_by_uid_or_gid() {
    for (uid, gid, is_caller) in [(1000, 9, true), (9, 2000, true), (9, 9, false), (0, 0, false)] {
        let caller = callers().authenticate(Peer::Unix { uid, gid }, &["caller-token"]).await;
        assert_eq!(caller.is_ok(), is_caller, "{uid} {gid}");
    }
}

#[tokio::test]
async fn tcp_caller_is_authenticated_by_token() {
    for (tokens, is_caller) in [
        (&["caller-token"][..], true),
        (&["another", "caller-token"], true),
        (&["caller-toke"], false),
        (&[""], false),
        (&[], false),
    ] {
        assert_eq!(callers().authenticate(Peer::Tcp, tokens).await.is_ok(), is_caller, "{tokens:?}");
    }
}

#[tokio::test]
async fn token_of_two_callers_authenticates_neither() {
    let Callers(mut rules) = callers();
    rules.extend(callers().0);
    assert!(Callers(rules).authenticate(Peer::Tcp, &["caller-token"]).await.is_err());
}

#[test]
fn unlisted_identity_and_scope_are_not_allowed() {
    let defaults: Scopes = "openid roles".parse().unwrap();
    let scopes = |text: &str| text.parse::<Scopes>().unwrap();
    let any = caller(None, None);
    assert!(any.may_use("payroll") && any.may_request(&scopes("roles"), &defaults));
    assert!(!any.may_request(&scopes("roles admin"), &defaults), "not a default scope of the identity");
    let some = caller(Some(&["erp"]), Some(&["erp.read"]));
    assert!(some.may_use("erp") && !some.may_use("payroll"));
    assert!(
        some.may_request(&scopes("erp.read"), &defaults) && !some.may_request(&scopes("roles"), &defaults)
    );
}
