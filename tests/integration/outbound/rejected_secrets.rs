use std::fs;

use futures_util::future::join_all;
use passport_dev::{Endpoint, Fault};
use passport_outbound::TokenErrorKind;

use super::*;

async fn storm(identity: &ManagedIdentity) {
    let callers = (0..1000).map(|_| {
        let identity = identity.clone();
        tokio::spawn(async move { identity.token().await.unwrap_err().kind() })
    });
    for caller in join_all(callers).await {
        assert_eq!(caller.unwrap(), TokenErrorKind::Rejected);
    }
}

/// The secret is revoked at Passport. Later an operator writes the new one into the file.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn revoked_secret_is_one_request_in_10_s_until_rotation() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), registered.secret()).unwrap();
    let clock = clock();
    let identity =
        ManagedIdentity::builder(registered.client_id(), SecretSource::file(file.path().to_str().unwrap()))
            .issuer(passport.issuer())
            .clock(clock.clone())
            .build()
            .unwrap();
    registered.revoke_secret(registered.secret_id());
    for period in 1..=3 {
        for _ in 0..5 {
            storm(&identity).await;
            clock.advance(19 * SECOND / 10);
        }
        assert_eq!(passport.counters().token(), period, "at most two are promised");
        clock.advance(6 * SECOND);
    }
    fs::write(file.path(), registered.generate_secret().value()).unwrap();
    identity.token().await.unwrap();
    assert_eq!(passport.counters().token(), 4);
}

/// A rejection without an OAuth error body starts the same backoff.
#[tokio::test]
async fn rejection_without_a_body_starts_the_backoff() {
    for status in [400, 401, 403] {
        let passport = DevPassport::start().await.unwrap();
        let registered = passport.managed_identity("payroll").create();
        let clock = clock();
        let identity = builder(&passport, &registered).clock(clock.clone()).build().unwrap();
        passport.inject(Endpoint::Token, Fault::Status(http::StatusCode::from_u16(status).unwrap()));
        storm(&identity).await;
        clock.advance(10 * SECOND - Duration::from_millis(1));
        storm(&identity).await;
        assert_eq!(passport.counters().token(), 1, "{status}");
    }
}

#[tokio::test]
async fn disallowed_scopes_are_named_as_the_cause() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    let identity = builder(&passport, &registered).scopes("openid everything").build().unwrap();
    let error = identity.token().await.unwrap_err();
    assert_eq!((error.kind(), error.oauth_error()), (TokenErrorKind::Rejected, Some("invalid_scope")));
    assert!(!error.is_transient());
    assert!(error.to_string().contains("check the requested scopes"), "{error}");
}

/// Secrets with the blanks and quotes that editors, shells and consoles add.
#[tokio::test]
async fn rejection_names_blanks_and_quotes_around_the_secret() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    let secret = registered.secret();
    for (content, told) in [
        (format!("{secret} \n"), "ends with a space or tab"),
        (format!("\"{secret}\"\n"), "has quotes around it"),
        (format!("PAYROLL_SECRET={secret}\n"), "begins with `NAME=`"),
        (format!("\u{feff}{secret}\n"), "begins with a byte order mark (BOM)"),
    ] {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        fs::write(path, content).unwrap();
        let identity = ManagedIdentity::builder(registered.client_id(), SecretSource::file(path));
        let identity = identity.issuer(passport.issuer()).build().unwrap();
        let error = identity.token().await.unwrap_err();
        assert_eq!(error.oauth_error(), Some("invalid_client"));
        assert!(error.to_string().contains(&format!("the secret behind `file:{path}` {told}")), "{error}");
        assert!(!format!("{error} {error:?}").contains(secret), "{error}");
    }
}
