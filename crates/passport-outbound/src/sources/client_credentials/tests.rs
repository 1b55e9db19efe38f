//! Tests of the whole path from an identity to the bytes of a token request, with an HTTP
//! client in memory.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Request, Response};
use passport_core::{
    Clock, HttpClient, ManualClock, SecretError, SecretErrorKind, SecretProvider, SecretRef, TransportError,
};

use super::*;
use crate::{ManagedIdentity, test_support::in_memory_passport::InMemoryPassport};

/// A secret provider that returns one secret after the other, and then always the last one. For
/// the entry `None`, the read of the secret fails, as if the vault was unreachable.
#[derive(Clone, Debug)]
struct Vault(Arc<Mutex<VecDeque<Option<&'static str>>>>);

impl Vault {
    fn returning(secrets: &[Option<&'static str>]) -> Self {
        Self(Arc::new(Mutex::new(secrets.iter().copied().collect())))
    }
}

impl SecretProvider for Vault {
    async fn resolve(&self, reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        let secret = {
            let mut secrets = self.0.lock().unwrap();
            if secrets.len() > 1 { secrets.pop_front().flatten() } else { secrets[0] }
        };
        let down = || SecretError::new(SecretErrorKind::Unreadable, reference.clone(), "the vault is down");
        secret.map(|secret| ResolvedSecret::new(Secret::new(secret))).ok_or_else(down)
    }
}

fn identity(passport: &InMemoryPassport, vault: &Vault, clock: impl Clock) -> ManagedIdentity {
    let secret = SecretSource::new(vault.clone(), "vault:payroll".parse().unwrap());
    ManagedIdentity::builder("mi-1", secret)
        .transport(Transport::new(passport.clone()))
        .clock(clock)
        .build()
        .unwrap()
}

fn clock() -> ManualClock {
    ManualClock::at_unix_seconds(1_750_000_000)
}

#[tokio::test]
async fn secret_rotated_after_it_was_read_is_read_again() {
    let passport = InMemoryPassport::knowing("new");
    let vault = Vault::returning(&[Some("old"), Some("new")]);
    assert!(identity(&passport, &vault, clock()).token().await.is_ok());
    assert_eq!(passport.requests(), 2);
}

#[tokio::test]
async fn unchanged_rejected_secret_is_not_sent_again() {
    let passport = InMemoryPassport::knowing("right");
    let vault = Vault::returning(&[Some("wrong")]);
    let error = identity(&passport, &vault, clock()).token().await.unwrap_err();
    assert_eq!((error.kind(), error.oauth_error()), (TokenErrorKind::Rejected, Some("invalid_client")));
    assert_eq!(passport.requests(), 1);
}

#[tokio::test]
async fn two_wrong_secrets_cause_two_requests_and_no_third() {
    let passport = InMemoryPassport::knowing("right");
    let vault = Vault::returning(&[Some("wrong"), Some("wrong 2"), Some("wrong 3")]);
    identity(&passport, &vault, clock()).token().await.unwrap_err();
    assert_eq!(passport.requests(), 2);
}

#[tokio::test]
async fn rejection_is_the_error_if_the_vault_fails_on_reread() {
    let passport = InMemoryPassport::knowing("right");
    let vault = Vault::returning(&[Some("wrong"), None]);
    let error = identity(&passport, &vault, clock()).token().await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::Rejected);
}

#[tokio::test]
async fn wrong_secret_of_1000_callers_causes_two_requests_in_10_s() {
    let (passport, clock) = (InMemoryPassport::knowing("right"), clock());
    let vault = Vault::returning(&[Some("wrong")]);
    let identity = identity(&passport, &vault, clock.clone());
    for period in 1..=3 {
        for _ in 0..10 {
            let callers = futures_util::future::join_all((0..1000).map(|_| identity.token())).await;
            assert!(callers.into_iter().all(|result| result.is_err()));
            clock.advance(Duration::from_millis(990));
        }
        assert!(passport.requests() <= 2 * period, "{}", passport.requests());
        clock.advance(Duration::from_millis(5100));
    }
    vault.0.lock().unwrap()[0] = Some("right");
    assert!(identity.token().await.is_ok());
}

#[tokio::test]
async fn failed_vault_does_not_affect_a_valid_token() {
    let (passport, clock) = (InMemoryPassport::knowing("right"), clock());
    let vault = Vault::returning(&[Some("right"), None]);
    let identity = identity(&passport, &vault, clock.clone());
    identity.token().await.unwrap();
    clock.advance(Duration::from_secs(3590));
    for _ in 0..10 {
        assert!(identity.token().await.is_ok());
        tokio::task::yield_now().await;
    }
    assert_eq!(identity.status().last_error().unwrap().kind(), TokenErrorKind::SecretUnavailable);
}

#[tokio::test]
async fn missing_scopes_are_in_the_status() {
    let passport = InMemoryPassport { grants: Some("openid"), ..InMemoryPassport::knowing("right") };
    let identity = identity(&passport, &Vault::returning(&[Some("right")]), clock());
    identity.ready().await.unwrap();
    assert_eq!(identity.status().missing_scopes(), ["roles"]);
}

/// Returns the seconds from a token fetch until the background refresh is due.
async fn due_after(identity: &ManagedIdentity, passport: &InMemoryPassport, clock: &ManualClock) -> u64 {
    let before = passport.requests();
    for second in 1..3600 {
        clock.advance(Duration::from_secs(1));
        identity.token().await.unwrap();
        while identity.status().is_fetching() {
            tokio::task::yield_now().await;
        }
        if passport.requests() > before {
            return second;
        }
    }
    panic!("no refresh became due");
}

#[tokio::test]
async fn jitter_differs_by_identity_and_is_constant() {
    let mut times = std::collections::BTreeSet::new();
    for _ in 0..10 {
        let (passport, clock) = (InMemoryPassport::knowing("right"), clock());
        let identity = identity(&passport, &Vault::returning(&[Some("right")]), clock.clone());
        identity.ready().await.unwrap();
        let first = due_after(&identity, &passport, &clock).await;
        assert!((3510..=3540).contains(&first), "{first}");
        assert_eq!(due_after(&identity, &passport, &clock).await, first);
        times.insert(first);
    }
    assert!(times.len() > 1, "{times:?}");
}

#[tokio::test]
async fn refresh_threshold_is_configurable() {
    let (passport, clock) = (InMemoryPassport::knowing("right"), clock());
    let identity = ManagedIdentity::builder("mi-1", SecretSource::from_value("right"))
        .refresh_threshold(Duration::from_secs(600))
        .transport(Transport::new(passport.clone()))
        .clock(clock.clone())
        .build()
        .unwrap();
    identity.ready().await.unwrap();
    assert!((2970..=3000).contains(&due_after(&identity, &passport, &clock).await));
}

#[test]
fn request_timeout_of_zero_or_over_600_s_is_rejected() {
    for timeout in [Duration::ZERO, Duration::MAX, Duration::from_secs(601)] {
        let built =
            ManagedIdentity::builder("mi-1", SecretSource::from_value("x")).request_timeout(timeout).build();
        assert!(built.unwrap_err().to_string().contains("request_timeout"), "{timeout:?}");
    }
}

/// Uses the real clock. Its readings in different threads differ slightly.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn callers_on_many_threads_share_one_request_in_real_time() {
    for _ in 0..300 {
        let passport = InMemoryPassport::knowing("right");
        let identity = identity(&passport, &Vault::returning(&[Some("right")]), passport_core::SystemClock);
        let callers = (0..64).map(|_| {
            let identity = identity.clone();
            tokio::spawn(async move { identity.token().await.map(drop) })
        });
        for caller in futures_util::future::join_all(callers).await {
            caller.unwrap().unwrap();
        }
        assert_eq!(passport.requests(), 1);
    }
}

#[derive(Debug)]
struct Hanging;

impl HttpClient for Hanging {
    async fn send(&self, _: Request<Bytes>, _: ResponseLimits) -> Result<Response<Bytes>, TransportError> {
        std::future::pending().await
    }
}

impl SecretProvider for Hanging {
    async fn resolve(&self, _: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn hanging_step_is_named_and_takes_10_s_at_most() {
    let fixed = || SecretSource::from_value("right");
    let hanging = || SecretSource::new(Hanging, "vault:payroll".parse().unwrap());
    for (secret, kind) in
        [(fixed(), TokenErrorKind::Unavailable), (hanging(), TokenErrorKind::SecretUnavailable)]
    {
        let start = Instant::now();
        let identity =
            ManagedIdentity::builder("mi-1", secret).transport(Transport::new(Hanging)).build().unwrap();
        assert_eq!(identity.token().await.unwrap_err().kind(), kind);
        assert_eq!(start.elapsed().as_secs(), 10);
    }
}

#[tokio::test(start_paused = true)]
async fn error_of_a_hanging_provider_names_reference_and_time() {
    let secret = SecretSource::new(Hanging, "vault:payroll".parse().unwrap());
    let identity = ManagedIdentity::builder("mi-1", secret).request_timeout(Duration::from_secs(3));
    let identity = identity.transport(Transport::new(Hanging)).build().unwrap();
    let message = identity.token().await.unwrap_err().to_string();
    assert!(message.contains("`vault:payroll`") && message.contains("within 3 s"), "{message}");
}

#[tokio::test]
async fn error_of_an_unreadable_secret_names_reference_and_cause() {
    let secret = SecretSource::env("PASSPORT_NO_SUCH_VARIABLE");
    let identity = ManagedIdentity::builder("mi-1", secret).transport(Transport::new(Hanging));
    let identity = identity.client_authentication(ClientAuthentication::ClientSecretBasic).build().unwrap();
    assert_eq!(
        identity.token().await.unwrap_err().to_string(),
        "no token for `mi-1`: the secret behind `env:PASSPORT_NO_SUCH_VARIABLE` could not be read: \
         the environment variable is not set"
    );
}

#[tokio::test]
async fn rejection_names_what_is_unusual_about_the_secret() {
    for (secret, hint) in [
        ("\"hidden\"", "the secret behind `fixed:value` has quotes around it"),
        (" hidden", "begins with a space or tab"),
        ("\u{feff}hidden\u{a0}", "begins with a byte order mark (BOM) and contains a non-ASCII space"),
    ] {
        let passport = InMemoryPassport::knowing("right");
        let identity = ManagedIdentity::builder("mi-1", SecretSource::from_value(secret));
        let identity = identity.transport(Transport::new(passport)).build().unwrap();
        let error = identity.token().await.unwrap_err();
        assert!(error.to_string().contains(hint), "{error}");
        assert!(!format!("{error} {error:?}").contains("hidden"), "{error}");
    }
}

#[tokio::test]
async fn rejection_of_a_usual_secret_has_no_hint() {
    let passport = InMemoryPassport::knowing("right");
    let identity = ManagedIdentity::builder("mi-1", SecretSource::from_value("wrong"));
    let identity = identity.transport(Transport::new(passport)).build().unwrap();
    let message = identity.token().await.unwrap_err().to_string();
    assert!(message.ends_with("and that the identity is enabled"), "{message}");
}

/// An HTTP client that responds to each request with status 401 and a fixed body.
#[derive(Clone, Debug)]
struct Rejecting(&'static str);

impl HttpClient for Rejecting {
    async fn send(&self, _: Request<Bytes>, _: ResponseLimits) -> Result<Response<Bytes>, TransportError> {
        let response = Response::builder().status(401).body(Bytes::from_static(self.0.as_bytes()));
        Ok(response.unwrap())
    }
}

#[tokio::test]
async fn rejection_names_authentication_method_and_alternative() {
    use ClientAuthentication::{ClientSecretBasic, ClientSecretBasicRaw, ClientSecretPost};
    for (method, expected) in [
        (ClientSecretBasic, "client_secret_basic (else set client_authentication = client_secret_post)"),
        (
            ClientSecretBasicRaw,
            "client_secret_basic_raw (else set client_authentication = client_secret_basic)",
        ),
        (ClientSecretPost, "client_secret_post (else set client_authentication = client_secret_basic)"),
    ] {
        for body in [r#"{"error":"invalid_client"}"#, r#"{"error":"invalid_request"}"#, "<html>", ""] {
            let identity = ManagedIdentity::builder("mi-1", SecretSource::from_value("wrong"))
                .transport(Transport::new(Rejecting(body)))
                .client_authentication(method.clone());
            let message = identity.build().unwrap().token().await.unwrap_err().to_string();
            assert!(message.contains(&format!("that the issuer accepts {expected}")), "{body}: {message}");
        }
    }
}
