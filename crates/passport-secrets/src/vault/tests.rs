use std::{
    collections::{HashMap, VecDeque},
    sync::Mutex,
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use passport_core::{
    HttpClient, ResponseLimits, SecretSource, Transport, TransportError, TransportErrorKind,
};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::*;

/// A Vault that returns configured responses, and stores the requests.
#[derive(Clone, Debug, Default)]
struct Scripted(Arc<Script>);

#[derive(Debug, Default)]
struct Script {
    requests: Mutex<Vec<String>>,
    /// The responses by the end of the request path, in order. The last response is repeated.
    responses: Mutex<HashMap<&'static str, VecDeque<(u16, String)>>>,
}

impl Scripted {
    fn on(self, path: &'static str, status: u16, body: impl Into<String>) -> Self {
        self.0.responses.lock().unwrap().entry(path).or_default().push_back((status, body.into()));
        self
    }

    fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.0.requests.lock().unwrap())
    }

    fn secrets(&self, auth: VaultAuth) -> SecretSource {
        let builder = HashiCorpVault::builder("https://vault.example.com", auth).namespace("team");
        let vault = builder.transport(Transport::new(self.clone())).build().unwrap();
        SecretSource::new(vault, "vault:payroll#secret".parse().unwrap())
    }
}

impl HttpClient for Scripted {
    async fn send(
        &self,
        request: Request<Bytes>,
        _: ResponseLimits,
    ) -> Result<Response<Bytes>, TransportError> {
        sleep(Duration::from_millis(1)).await;
        let path = request.uri().path().to_owned();
        let header = |name: &str| request.headers().get(name).map_or("-", |value| value.to_str().unwrap());
        assert_eq!((header("x-vault-request"), header("x-vault-namespace")), ("true", "team"));
        self.0.requests.lock().unwrap().push(format!(
            "{} {path} {} {}",
            request.method(),
            header("x-vault-token"),
            String::from_utf8_lossy(request.body())
        ));
        let mut responses = self.0.responses.lock().unwrap();
        let key = *responses.keys().find(|end| path.ends_with(**end)).expect("a scripted response");
        let responses = responses.get_mut(key).unwrap();
        let (status, body) =
            if responses.len() > 1 { responses.pop_front().unwrap() } else { responses[0].clone() };
        if status == 0 {
            return Err(TransportError::new(TransportErrorKind::Connect));
        }
        Ok(Response::builder().status(status).body(body.into()).unwrap())
    }
}

fn granted(token: &str, seconds: u64) -> String {
    json!({ "auth": { "client_token": token, "lease_duration": seconds, "renewable": true } }).to_string()
}

fn secret(text: &str) -> String {
    json!({ "data": {
        "data": { "secret": text, "other": 1 },
        "metadata": { "version": 3, "deletion_time": "2030-01-02T03:04:05.678901234Z", "destroyed": false }
    } })
    .to_string()
}

fn deleted() -> Value {
    json!({ "request_id": "1", "data": { "data": null, "metadata": { "version": 1, "destroyed": false } } })
}

/// The response of an engine of version 2 to a request for an engine of version 1.
fn of_another_version() -> Value {
    let warning = "Invalid path for a versioned K/V secrets engine. See the API docs.";
    json!({ "request_id": "1", "data": null, "warnings": [warning], "auth": null })
}

fn denied() -> String {
    json!({ "errors": ["permission denied"] }).to_string()
}

fn app_role() -> VaultAuth {
    VaultAuth::app_role("role", SecretSource::from_value("secret-id"))
}

const LOGIN: &str = r#"POST /v1/auth/approle/login - {"role_id":"role","secret_id":"secret-id"}"#;
const LOOK_UP: &str = "GET /v1/auth/token/lookup-self";
const READ: &str = "GET /v1/secret/data/payroll";
const RENEW: &str = "POST /v1/auth/token/renew-self";

#[tokio::test(start_paused = true)]
async fn secret_has_its_version_and_deletion_time() {
    let vault = Scripted::default().on("login", 200, granted("t1", 0)).on("payroll", 200, secret("s"));
    let read = vault.secrets(app_role()).resolve().await.unwrap();
    assert_eq!((read.secret().expose(), read.version()), ("s", "3"));
    let expires_at = humantime::format_rfc3339_seconds(read.expires_at().unwrap()).to_string();
    assert_eq!(expires_at, "2030-01-02T03:04:05Z");
    assert_eq!(vault.requests(), [LOGIN.to_owned(), format!("{READ} t1 ")]);
}

#[tokio::test(start_paused = true)]
async fn one_login_for_20_concurrent_reads() {
    let vault = Scripted::default().on("login", 200, granted("t1", 0)).on("payroll", 200, secret("s"));
    let source = vault.secrets(app_role());
    for read in join_all((0..20).map(|_| source.resolve())).await {
        read.unwrap();
    }
    assert_eq!(vault.requests().iter().filter(|request| **request == LOGIN).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn idle_token_is_renewed_and_replaced_at_its_end() {
    let vault = Scripted::default()
        .on("login", 200, granted("t1", 900))
        .on("login", 200, granted("t2", 900))
        .on("renew-self", 200, granted("t1", 900))
        .on("renew-self", 200, "<html>")
        .on("renew-self", 200, granted("t1", 300))
        .on("renew-self", 403, denied())
        .on("payroll", 200, secret("s"));
    let source = vault.secrets(app_role());
    source.resolve().await.unwrap();
    vault.requests();
    // The token is renewed after 600 s, after 1200 s (the response is invalid), and after 1400 s.
    sleep(Duration::from_secs(1450)).await;
    assert_eq!(
        vault.requests(),
        [format!("{RENEW} t1 {{}}"), format!("{RENEW} t1 {{}}"), format!("{RENEW} t1 {{}}")]
    );
    source.resolve().await.unwrap();
    assert_eq!(vault.requests(), [format!("{READ} t1 ")], "the token is valid");
    sleep(Duration::from_secs(200)).await;
    assert_eq!(vault.requests(), [format!("{RENEW} t1 {{}}")], "this renewal is rejected");
    source.resolve().await.unwrap();
    assert_eq!(vault.requests(), [LOGIN.to_owned(), format!("{READ} t2 ")]);
}

#[tokio::test(start_paused = true)]
async fn token_near_its_maximum_lifetime_is_replaced() {
    let vault = Scripted::default()
        .on("login", 200, granted("t1", 90))
        .on("login", 200, granted("t2", 90))
        .on("renew-self", 200, granted("t1", 3))
        .on("payroll", 200, secret("s"));
    let source = vault.secrets(app_role());
    source.resolve().await.unwrap();
    sleep(Duration::from_secs(61)).await;
    source.resolve().await.unwrap();
    assert_eq!(vault.requests()[2..], [format!("{RENEW} t1 {{}}"), LOGIN.to_owned(), format!("{READ} t2 ")]);
}

#[tokio::test(start_paused = true)]
async fn dropped_provider_does_not_renew_its_token() {
    let vault = Scripted::default().on("login", 200, granted("t1", 90)).on("payroll", 200, secret("s"));
    vault.secrets(app_role()).resolve().await.unwrap();
    vault.requests();
    sleep(Duration::from_secs(1000)).await;
    assert_eq!(vault.requests(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn revoked_token_is_replaced_and_the_secret_read_again() {
    let vault = Scripted::default()
        .on("login", 200, granted("t1", 0))
        .on("login", 200, granted("t2", 0))
        .on("payroll", 200, secret("s"))
        .on("payroll", 403, denied())
        .on("payroll", 200, secret("s"))
        .on("lookup-self", 403, denied());
    let source = vault.secrets(app_role());
    source.resolve().await.unwrap();
    vault.requests();
    source.resolve().await.unwrap();
    let look_up = format!("{LOOK_UP} t1 ");
    assert_eq!(vault.requests(), [format!("{READ} t1 "), look_up, LOGIN.to_owned(), format!("{READ} t2 ")]);
}

/// The token can still read other secrets, and no login is used up.
#[tokio::test(start_paused = true)]
async fn forbidden_secret_does_not_replace_a_valid_token() {
    let vault = Scripted::default()
        .on("login", 200, granted("t1", 0))
        .on("lookup-self", 200, json!({ "data": { "ttl": 90 } }).to_string())
        .on("payroll", 403, denied());
    let source = vault.secrets(app_role());
    for _ in 0..3 {
        assert_eq!(source.resolve().await.unwrap_err().kind(), SecretErrorKind::Forbidden);
    }
    assert_eq!(vault.requests().iter().filter(|request| **request == LOGIN).count(), 1);
}

/// A token is unconfirmed, for example, if it lacks the permission for `lookup-self`.
#[tokio::test(start_paused = true)]
async fn unconfirmed_token_is_replaced_at_most_once_a_minute() {
    let vault = Scripted::default().on("login", 200, granted("t1", 0)).on("lookup-self", 403, denied()).on(
        "payroll",
        403,
        denied(),
    );
    let source = vault.secrets(app_role());
    for _ in 0..3 {
        source.resolve().await.unwrap_err();
    }
    assert_eq!(vault.requests().iter().filter(|request| **request == LOGIN).count(), 2);
    sleep(Duration::from_secs(60)).await;
    source.resolve().await.unwrap_err();
    assert_eq!(vault.requests().iter().filter(|request| **request == LOGIN).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn login_with_mfa_returns_no_token() {
    let vault = Scripted::default().on("login", 200, granted("", 0));
    let error = vault.secrets(app_role()).resolve().await.unwrap_err();
    assert_eq!(error.kind(), SecretErrorKind::Unauthenticated, "{error}");
}

#[tokio::test(start_paused = true)]
async fn longest_possible_lease_does_not_overflow() {
    let vault = Scripted::default().on("login", 200, granted("t1", u64::MAX)).on("payroll", 200, secret("s"));
    vault.secrets(app_role()).resolve().await.unwrap();
}

/// A provider with a rotated secret: only `refresh` returns the new secret.
#[derive(Debug)]
struct Rotated;

impl SecretProvider for Rotated {
    async fn resolve(&self, _: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        Ok(ResolvedSecret::new("old-id".into()))
    }

    async fn refresh(&self, _: &SecretRef, _: &ResolvedSecret) -> Result<ResolvedSecret, SecretError> {
        Ok(ResolvedSecret::new("secret-id".into()))
    }
}

#[tokio::test(start_paused = true)]
async fn rejected_secret_id_is_read_again() {
    let vault = Scripted::default()
        .on("login", 400, json!({ "errors": ["invalid role or secret ID"] }).to_string())
        .on("login", 200, granted("t1", 0))
        .on("payroll", 200, secret("s"));
    let rotated = SecretSource::new(Rotated, "rotated:id".parse().unwrap());
    vault.secrets(VaultAuth::app_role("role", rotated)).resolve().await.unwrap();
    assert_eq!(vault.requests()[1], LOGIN);
}

/// A cached secret stays valid while Vault rejects the login, because a rejected login is not an
/// error of the secret.
#[tokio::test(start_paused = true)]
async fn rejected_login_or_token_is_not_definitive() {
    let rejected =
        Scripted::default().on("login", 400, json!({ "errors": ["invalid role or secret ID"] }).to_string());
    let error = rejected.secrets(app_role()).resolve().await.unwrap_err();
    assert_eq!(error.kind(), SecretErrorKind::Unauthenticated);
    assert!(error.to_string().contains("400: invalid role or secret ID"), "{error}");

    let unknown = Scripted::default().on("lookup-self", 403, denied()).on("payroll", 403, denied());
    let error = unknown.secrets(VaultAuth::token(SecretSource::from_value("t"))).resolve().await.unwrap_err();
    assert_eq!(error.kind(), SecretErrorKind::Unauthenticated, "{error}");

    let agent = Scripted::default().on("payroll", 403, denied());
    let error = agent.secrets(VaultAuth::agent()).resolve().await.unwrap_err();
    assert_eq!(error.kind(), SecretErrorKind::Unauthenticated, "{error}");
}

#[tokio::test(start_paused = true)]
async fn configured_token_is_looked_up_and_renewed() {
    let vault = Scripted::default()
        .on("lookup-self", 200, json!({ "data": { "ttl": 90, "renewable": true } }).to_string())
        .on("renew-self", 200, granted("t", 90))
        .on("payroll", 200, secret("s"));
    let source = vault.secrets(VaultAuth::token(SecretSource::from_value("t")));
    source.resolve().await.unwrap();
    sleep(Duration::from_secs(61)).await;
    source.resolve().await.unwrap();
    let look_up = format!("{LOOK_UP} t ");
    assert_eq!(
        vault.requests(),
        [look_up, format!("{READ} t "), format!("{RENEW} t {{}}"), format!("{READ} t ")]
    );
}

#[tokio::test(start_paused = true)]
async fn response_without_a_secret_is_not_quoted() {
    for (status, body, kind, expected) in [
        (
            200,
            json!({ "data": { "hidden": "hidden" } }).to_string(),
            SecretErrorKind::Unreadable,
            "version and the mount of the key-value engine",
        ),
        (200, secret("s").replace("secret", "x"), SecretErrorKind::Unreadable, "no such field"),
        (200, secret("s").replace("\"s\"", "7"), SecretErrorKind::Unreadable, "not a string"),
        (404, json!({ "errors": [] }).to_string(), SecretErrorKind::NotFound, "404"),
        (
            404,
            json!({ "errors": ["no handler for route"] }).to_string(),
            SecretErrorKind::Unreadable,
            "no handler",
        ),
        (
            404,
            json!({ "code": 404, "data": null }).to_string(),
            SecretErrorKind::Unavailable,
            "not from Vault",
        ),
        (404, deleted().to_string(), SecretErrorKind::NotFound, "was deleted"),
        (404, of_another_version().to_string(), SecretErrorKind::Unreadable, "Invalid path"),
        (404, "<html>hidden".to_owned(), SecretErrorKind::Unavailable, "not from Vault"),
        (307, String::new(), SecretErrorKind::Unavailable, "not followed"),
        (503, json!({ "errors": ["Vault is sealed"] }).to_string(), SecretErrorKind::Unavailable, "sealed"),
        (0, String::new(), SecretErrorKind::Unavailable, "cannot reach Vault at https://vault.example.com: "),
    ] {
        let vault = Scripted::default().on("login", 200, granted("t1", 0)).on("payroll", status, body);
        let error = vault.secrets(app_role()).resolve().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(expected) && !format!("{error:?}").contains("hidden"), "{error}");
    }
}

#[test]
fn field_is_optional_if_the_secret_has_only_one() {
    let fields = |text| serde_json::from_str::<Fields>(text).unwrap();
    let kind =
        |text, name| value(&fields(text), name).map(|secret| secret.expose().to_owned()).map_err(|e| e.kind);
    assert_eq!(kind(r#"{"any":"s"}"#, None).as_deref(), Ok("s"));
    assert_eq!(kind(r#"{"a":"s","b":"t"}"#, None), Err(SecretErrorKind::Unreadable));
    assert_eq!(kind(r#"{"a":"s","b":"t"}"#, Some("b")).as_deref(), Ok("t"));
    assert_eq!(kind("{}", None), Err(SecretErrorKind::Unreadable));
}

/// A Vault that takes 5 s for a login, and that does not respond to reads.
#[derive(Debug)]
struct SlowLogin;

impl HttpClient for SlowLogin {
    async fn send(
        &self,
        request: Request<Bytes>,
        limits: ResponseLimits,
    ) -> Result<Response<Bytes>, TransportError> {
        if !request.uri().path().ends_with("login") {
            sleep(limits.timeout).await;
            return Err(TransportError::new(TransportErrorKind::Timeout));
        }
        sleep(Duration::from_secs(5)).await;
        Ok(Response::new(granted("t1", 0).into()))
    }
}

#[tokio::test(start_paused = true)]
async fn login_and_read_share_one_deadline() {
    let builder = HashiCorpVault::builder("https://vault.example.com", app_role());
    let vault = builder.transport(Transport::new(SlowLogin)).build().unwrap();
    let start = tokio::time::Instant::now();
    let source = SecretSource::new(vault, "vault:payroll#secret".parse().unwrap());
    let error = source.resolve().await.unwrap_err();
    assert!(start.elapsed().as_millis() < 9500, "{:?}", start.elapsed());
    assert_eq!(error.kind(), SecretErrorKind::Unavailable, "{error}");
    assert!(
        error.to_string().contains("cannot reach Vault at https://vault.example.com: no complete response"),
        "{error}"
    );
}
