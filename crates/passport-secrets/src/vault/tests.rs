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

/// A Vault that answers what it was told to, and notes what it was asked.
#[derive(Clone, Debug, Default)]
struct Scripted(Arc<Script>);

#[derive(Debug, Default)]
struct Script {
    asked: Mutex<Vec<String>>,
    /// By the end of a path, in turn; the last one goes on.
    answers: Mutex<HashMap<&'static str, VecDeque<(u16, String)>>>,
}

impl Scripted {
    fn answers(self, path: &'static str, status: u16, body: impl Into<String>) -> Self {
        self.0.answers.lock().unwrap().entry(path).or_default().push_back((status, body.into()));
        self
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.0.asked.lock().unwrap())
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
        self.0.asked.lock().unwrap().push(format!(
            "{} {path} {} {}",
            request.method(),
            header("x-vault-token"),
            String::from_utf8_lossy(request.body())
        ));
        let mut answers = self.0.answers.lock().unwrap();
        let key = *answers.keys().find(|end| path.ends_with(**end)).expect("nobody has told what to answer");
        let answers = answers.get_mut(key).unwrap();
        let (status, body) =
            if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() };
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

/// As the second version of the engine answers who takes it for the first one.
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
async fn a_secret_has_its_version_and_the_time_when_it_will_be_deleted() {
    let vault =
        Scripted::default().answers("login", 200, granted("t1", 0)).answers("payroll", 200, secret("s"));
    let read = vault.secrets(app_role()).resolve().await.unwrap();
    assert_eq!((read.secret().expose(), read.version()), ("s", "3"));
    let ends_at = humantime::format_rfc3339_seconds(read.expires_at().unwrap()).to_string();
    assert_eq!(ends_at, "2030-01-02T03:04:05Z");
    assert_eq!(vault.asked(), [LOGIN.to_owned(), format!("{READ} t1 ")]);
}

#[tokio::test(start_paused = true)]
async fn many_who_need_a_token_at_a_time_log_in_once() {
    let vault =
        Scripted::default().answers("login", 200, granted("t1", 0)).answers("payroll", 200, secret("s"));
    let source = vault.secrets(app_role());
    for read in join_all((0..20).map(|_| source.resolve())).await {
        read.unwrap();
    }
    assert_eq!(vault.asked().iter().filter(|asked| **asked == LOGIN).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn idle_token_is_renewed_and_replaced_at_its_end() {
    let vault = Scripted::default()
        .answers("login", 200, granted("t1", 900))
        .answers("login", 200, granted("t2", 900))
        .answers("renew-self", 200, granted("t1", 900))
        .answers("renew-self", 200, "<html>")
        .answers("renew-self", 200, granted("t1", 300))
        .answers("renew-self", 403, denied())
        .answers("payroll", 200, secret("s"));
    let source = vault.secrets(app_role());
    source.resolve().await.unwrap();
    vault.asked();
    // 600 s, 600 s more, of which the answer is lost, 200 s after that.
    sleep(Duration::from_secs(1450)).await;
    assert_eq!(
        vault.asked(),
        [format!("{RENEW} t1 {{}}"), format!("{RENEW} t1 {{}}"), format!("{RENEW} t1 {{}}")]
    );
    source.resolve().await.unwrap();
    assert_eq!(vault.asked(), [format!("{READ} t1 ")], "it lives");
    sleep(Duration::from_secs(200)).await;
    assert_eq!(vault.asked(), [format!("{RENEW} t1 {{}}")], "which was refused");
    source.resolve().await.unwrap();
    assert_eq!(vault.asked(), [LOGIN.to_owned(), format!("{READ} t2 ")]);
}

#[tokio::test(start_paused = true)]
async fn token_near_its_maximum_lifetime_is_replaced() {
    let vault = Scripted::default()
        .answers("login", 200, granted("t1", 90))
        .answers("login", 200, granted("t2", 90))
        .answers("renew-self", 200, granted("t1", 3))
        .answers("payroll", 200, secret("s"));
    let source = vault.secrets(app_role());
    source.resolve().await.unwrap();
    sleep(Duration::from_secs(61)).await;
    source.resolve().await.unwrap();
    assert_eq!(vault.asked()[2..], [format!("{RENEW} t1 {{}}"), LOGIN.to_owned(), format!("{READ} t2 ")]);
}

#[tokio::test(start_paused = true)]
async fn dropped_provider_does_not_renew_its_token() {
    let vault =
        Scripted::default().answers("login", 200, granted("t1", 90)).answers("payroll", 200, secret("s"));
    vault.secrets(app_role()).resolve().await.unwrap();
    vault.asked();
    sleep(Duration::from_secs(1000)).await;
    assert_eq!(vault.asked(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn revoked_token_is_replaced_and_the_secret_read_again() {
    let vault = Scripted::default()
        .answers("login", 200, granted("t1", 0))
        .answers("login", 200, granted("t2", 0))
        .answers("payroll", 200, secret("s"))
        .answers("payroll", 403, denied())
        .answers("payroll", 200, secret("s"))
        .answers("lookup-self", 403, denied());
    let source = vault.secrets(app_role());
    source.resolve().await.unwrap();
    vault.asked();
    source.resolve().await.unwrap();
    let look_up = format!("{LOOK_UP} t1 ");
    assert_eq!(vault.asked(), [format!("{READ} t1 "), look_up, LOGIN.to_owned(), format!("{READ} t2 ")]);
}

/// The others that are read with it go on, and no login is spent.
#[tokio::test(start_paused = true)]
async fn forbidden_secret_does_not_replace_a_valid_token() {
    let vault = Scripted::default()
        .answers("login", 200, granted("t1", 0))
        .answers("lookup-self", 200, json!({ "data": { "ttl": 90 } }).to_string())
        .answers("payroll", 403, denied());
    let source = vault.secrets(app_role());
    for _ in 0..3 {
        assert_eq!(source.resolve().await.unwrap_err().kind(), SecretErrorKind::Forbidden);
    }
    assert_eq!(vault.asked().iter().filter(|asked| **asked == LOGIN).count(), 1);
}

/// One that may not look itself up, for example.
#[tokio::test(start_paused = true)]
async fn unconfirmed_token_is_replaced_at_most_once_a_minute() {
    let vault = Scripted::default()
        .answers("login", 200, granted("t1", 0))
        .answers("lookup-self", 403, denied())
        .answers("payroll", 403, denied());
    let source = vault.secrets(app_role());
    for _ in 0..3 {
        source.resolve().await.unwrap_err();
    }
    assert_eq!(vault.asked().iter().filter(|asked| **asked == LOGIN).count(), 2);
    sleep(Duration::from_secs(60)).await;
    source.resolve().await.unwrap_err();
    assert_eq!(vault.asked().iter().filter(|asked| **asked == LOGIN).count(), 1);
}

/// As with login MFA.
#[tokio::test(start_paused = true)]
async fn a_login_that_wants_more_grants_no_token() {
    let vault = Scripted::default().answers("login", 200, granted("", 0));
    let error = vault.secrets(app_role()).resolve().await.unwrap_err();
    assert_eq!(error.kind(), SecretErrorKind::Unauthenticated, "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_longer_than_time_itself_is_one() {
    let vault = Scripted::default().answers("login", 200, granted("t1", u64::MAX)).answers(
        "payroll",
        200,
        secret("s"),
    );
    vault.secrets(app_role()).resolve().await.unwrap();
}

/// A provider that has another secret when it is asked past what it keeps.
#[derive(Debug)]
struct Kept;

impl SecretProvider for Kept {
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
        .answers("login", 400, json!({ "errors": ["invalid role or secret ID"] }).to_string())
        .answers("login", 200, granted("t1", 0))
        .answers("payroll", 200, secret("s"));
    let kept = SecretSource::new(Kept, "kept:id".parse().unwrap());
    vault.secrets(VaultAuth::app_role("role", kept)).resolve().await.unwrap();
    assert_eq!(vault.asked()[1], LOGIN);
}

/// A secret goes on while Vault does not know us: that says nothing of it.
#[tokio::test(start_paused = true)]
async fn rejected_login_or_token_does_not_end_a_secret() {
    let refused = Scripted::default().answers(
        "login",
        400,
        json!({ "errors": ["invalid role or secret ID"] }).to_string(),
    );
    let error = refused.secrets(app_role()).resolve().await.unwrap_err();
    assert_eq!(error.kind(), SecretErrorKind::Unauthenticated);
    assert!(error.to_string().contains("400: invalid role or secret ID"), "{error}");

    let unknown = Scripted::default().answers("lookup-self", 403, denied()).answers("payroll", 403, denied());
    let error = unknown.secrets(VaultAuth::token(SecretSource::from_value("t"))).resolve().await.unwrap_err();
    assert_eq!(error.kind(), SecretErrorKind::Unauthenticated, "{error}");

    let agent = Scripted::default().answers("payroll", 403, denied());
    let error = agent.secrets(VaultAuth::agent()).resolve().await.unwrap_err();
    assert_eq!(error.kind(), SecretErrorKind::Unauthenticated, "{error}");
}

#[tokio::test(start_paused = true)]
async fn configured_token_is_looked_up_and_renewed() {
    let vault = Scripted::default()
        .answers("lookup-self", 200, json!({ "data": { "ttl": 90, "renewable": true } }).to_string())
        .answers("renew-self", 200, granted("t", 90))
        .answers("payroll", 200, secret("s"));
    let source = vault.secrets(VaultAuth::token(SecretSource::from_value("t")));
    source.resolve().await.unwrap();
    sleep(Duration::from_secs(61)).await;
    source.resolve().await.unwrap();
    let look_up = format!("{LOOK_UP} t ");
    assert_eq!(
        vault.asked(),
        [look_up, format!("{READ} t "), format!("{RENEW} t {{}}"), format!("{READ} t ")]
    );
}

#[tokio::test(start_paused = true)]
async fn response_without_a_secret_is_not_quoted() {
    for (status, body, kind, told) in [
        (
            200,
            json!({ "data": { "hidden": "hidden" } }).to_string(),
            SecretErrorKind::Unreadable,
            "engine's version",
        ),
        (200, secret("s").replace("secret", "x"), SecretErrorKind::Unreadable, "no such field"),
        (200, secret("s").replace("\"s\"", "7"), SecretErrorKind::Unreadable, "not a text"),
        (404, json!({ "errors": [] }).to_string(), SecretErrorKind::NotFound, "404"),
        (
            404,
            json!({ "errors": ["no handler for route"] }).to_string(),
            SecretErrorKind::Unreadable,
            "no handler",
        ),
        (404, json!({ "code": 404, "data": null }).to_string(), SecretErrorKind::Unavailable, "not Vault"),
        (404, deleted().to_string(), SecretErrorKind::NotFound, "or no more"),
        (404, of_another_version().to_string(), SecretErrorKind::Unreadable, "Invalid path"),
        (404, "<html>hidden".to_owned(), SecretErrorKind::Unavailable, "not Vault"),
        (307, String::new(), SecretErrorKind::Unavailable, "not followed"),
        (503, json!({ "errors": ["Vault is sealed"] }).to_string(), SecretErrorKind::Unavailable, "sealed"),
        (0, String::new(), SecretErrorKind::Unavailable, "not reached"),
    ] {
        let vault =
            Scripted::default().answers("login", 200, granted("t1", 0)).answers("payroll", status, body);
        let error = vault.secrets(app_role()).resolve().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(told) && !format!("{error:?}").contains("hidden"), "{error}");
    }
}

#[test]
fn of_a_secret_with_one_field_that_one_is_taken() {
    let fields = |text| serde_json::from_str::<Fields>(text).unwrap();
    let kind =
        |text, name| value(&fields(text), name).map(|secret| secret.expose().to_owned()).map_err(|e| e.kind);
    assert_eq!(kind(r#"{"any":"s"}"#, None).as_deref(), Ok("s"));
    assert_eq!(kind(r#"{"a":"s","b":"t"}"#, None), Err(SecretErrorKind::Unreadable));
    assert_eq!(kind(r#"{"a":"s","b":"t"}"#, Some("b")).as_deref(), Ok("t"));
    assert_eq!(kind("{}", None), Err(SecretErrorKind::Unreadable));
}

/// Logs in after 5 s, and is silent then.
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
    assert!(error.to_string().contains("Vault was not reached: no complete response"), "{error}");
}
