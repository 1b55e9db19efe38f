//! Token requests of several clients, and their caching.

use std::time::Duration;

use passport_dev::{Endpoint, Fault};
use passport_outbound::{AllowedOrigins, AttachTokenLayer, ManagedIdentity, SecretSource};
use serde_json::Value;
use tokio::{
    process::Command,
    time::{Instant, sleep},
};
use tower::{Layer, ServiceExt};

use crate::harness::{CALLER_TOKEN, SECRET_FILE, Setup, eventually, json, mode, plain};

async fn call_api(setup: &Setup, token: &str) -> Value {
    json(plain().get(format!("{}/orders", setup.api)).bearer_auth(token).send().await.unwrap()).await
}

#[tokio::test]
async fn token_response_has_the_remaining_lifetime() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar().await;
    assert_eq!(mode(&sidecar.socket), 0o660);
    let response = sidecar.unix().get("http://localhost/v1/token?identity=erp").send().await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store");
    let response = json(response).await;
    assert!((3500..=3600).contains(&response["expires_in"].as_u64().unwrap()), "{response}");
    assert_eq!(response["token_type"], "Bearer");
    assert_eq!(call_api(&setup, response["access_token"].as_str().unwrap()).await["caller"], "erp");
    let by_id = format!("http://localhost/v1/token?identity={}", setup.registered.client_id());
    let again = json(sidecar.unix().get(by_id).send().await.unwrap()).await;
    assert_eq!(again["access_token"], response["access_token"]);
    assert_eq!(setup.passport.counters().token(), 1);
}

#[tokio::test]
async fn token_over_tcp_needs_the_callers_token() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar().await;
    let request = plain().get(sidecar.url("/v1/token?identity=erp")).header("passport-sidecar", "true");
    assert_eq!(request.try_clone().unwrap().send().await.unwrap().status(), 401);
    let wrong = request.try_clone().unwrap().header("passport-sidecar-token", "wrong").send().await.unwrap();
    assert_eq!((wrong.status().as_u16(), json(wrong).await["error"].clone()), (401, "invalid_client".into()));
    assert_eq!(request.header("passport-sidecar-token", CALLER_TOKEN).send().await.unwrap().status(), 200);
}

/// Runs curl, and returns the response as JSON.
async fn curl(arguments: &[&str]) -> Value {
    let always = ["--silent", "--show-error", "--fail-with-body", "--noproxy", "*"];
    let done = Command::new("curl").args(always).args(arguments).output().await.unwrap();
    assert!(done.status.success(), "{done:?}");
    serde_json::from_slice(&done.stdout).unwrap()
}

/// curl sends what any OAuth2 client sends. Only the token URL and the client secret differ: the
/// secret is the caller's token.
#[tokio::test]
async fn curl_gets_a_token_at_passports_path() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar().await;
    let (id, socket) = (setup.registered.client_id(), sidecar.socket.display().to_string());
    let (credentials, client_id) = (format!("{id}:{CALLER_TOKEN}"), format!("client_id={id}"));
    let url = sidecar.url("/passport/token");
    let by_tcp = ["-u", &credentials, &url];
    let by_unix = ["--unix-socket", &socket, "-d", &client_id, "http://localhost/passport/token"];
    for arguments in [&by_tcp[..], &by_unix] {
        let response = curl(&[arguments, &["-d", "grant_type=client_credentials"]].concat()).await;
        assert_eq!(call_api(&setup, response["access_token"].as_str().unwrap()).await["caller"], "erp");
    }
}

#[tokio::test]
async fn curl_uses_each_endpoint_on_both_listeners() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar().await;
    let token_header = format!("Passport-Sidecar-Token: {CALLER_TOKEN}");
    let socket = sidecar.socket.display().to_string();
    let by_tcp = (sidecar.url(""), vec!["-H", &token_header]);
    let by_unix = ("http://localhost".to_owned(), vec!["--unix-socket", &socket]);
    for (base, listener) in [by_tcp, by_unix] {
        let send = async |path: &str, form: &[&str]| {
            let url = format!("{base}{path}");
            curl(&[&listener[..], &["-H", "Passport-Sidecar: true"], form, &[&url]].concat()).await
        };
        let token = send("/v1/token?identity=erp&min_ttl=60", &[]).await;
        assert_eq!(call_api(&setup, token["access_token"].as_str().unwrap()).await["caller"], "erp");
        let rejected = format!("rejected={}", "0".repeat(64));
        let form = ["-d", "identity=erp", "-d", &rejected];
        let refreshed = send("/v1/token/refresh", &form).await;
        assert_eq!(refreshed["access_token"], token["access_token"], "another token was rejected");
        assert_eq!(send("/to/api/orders", &[]).await["caller"], "erp");
    }
}

/// The client is configured as for Passport itself, except for the token URL.
#[tokio::test]
async fn outbound_client_uses_the_sidecar_as_passport() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar().await;
    let identity =
        ManagedIdentity::builder(setup.registered.client_id(), SecretSource::from_value(CALLER_TOKEN));
    let identity = identity.token_url(sidecar.url("/passport/token")).build().unwrap();
    identity.token().await.unwrap();
}

#[tokio::test]
async fn sidecar_client_needs_no_secret_and_caches_its_token() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar().await;
    for endpoint in [format!("unix://{}", sidecar.socket.display()), sidecar.url("")] {
        let at = passport_outbound::SidecarEndpoint::new(&endpoint).unwrap();
        let at = at.auth_token(SecretSource::file(setup.path("caller.token")));
        let identity = ManagedIdentity::via_sidecar(setup.registered.client_id(), at).build().unwrap();
        let layer = AttachTokenLayer::new(identity, AllowedOrigins::new([&setup.api]).unwrap());
        let client = layer.layer(plain());
        for _ in 0..20 {
            let request = plain().get(format!("{}/orders", setup.api)).build().unwrap();
            assert_eq!(client.clone().oneshot(request).await.unwrap().status(), 200);
        }
    }
    let log = sidecar.logged();
    assert_eq!(log.matches("/v1/token").count(), 2, "one request for each client");
    assert_eq!(setup.passport.counters().token(), 1);
}

#[tokio::test]
async fn one_refresh_for_all_reports_of_a_rejected_token() {
    use aws_lc_rs::digest::{SHA256, digest};
    let setup = Setup::new().await;
    let sidecar = setup.sidecar().await;
    let get = || sidecar.unix().get("http://localhost/v1/token?identity=erp");
    let first = json(get().send().await.unwrap()).await["access_token"].as_str().unwrap().to_owned();
    let hash = digest(&SHA256, first.as_bytes())
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>();
    // A token is not replaced in its first seconds.
    sleep(Duration::from_millis(5200)).await;
    let form = [("identity", "erp"), ("rejected", &hash)];
    let requests = (0..20).map(|_| {
        let request = sidecar
            .unix()
            .post("http://localhost/v1/token/refresh")
            .body(form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish());
        request.header("content-type", "application/x-www-form-urlencoded").send()
    });
    for response in futures_util::future::join_all(requests).await {
        let token = json(response.unwrap()).await["access_token"].as_str().unwrap().to_owned();
        assert_ne!(token, first);
    }
    assert_eq!(setup.passport.counters().token(), 2);
}

#[tokio::test]
async fn token_is_used_until_expiry_while_passport_is_down() {
    let setup = Setup::new().await;
    setup.passport.set_token_lifetime(Duration::from_secs(4));
    let sidecar = setup.sidecar().await;
    let get = || sidecar.unix().get("http://localhost/v1/token?identity=erp").send();
    assert_eq!(get().await.unwrap().status(), 200);
    setup.passport.inject(Endpoint::Token, Fault::Status(http::StatusCode::SERVICE_UNAVAILABLE));
    let begin = Instant::now();
    let rejected = eventually(async || {
        assert!(begin.elapsed() < Duration::from_secs(10), "the token does not expire");
        let response = get().await.unwrap();
        if response.status() == 200 { Err("the token is valid".to_owned()) } else { Ok(response) }
    })
    .await;
    assert!(begin.elapsed() > Duration::from_secs(1), "the token is used until it expires");
    assert_eq!(rejected.status(), 503);
    assert!(rejected.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
    assert_eq!(json(rejected).await["error"], "temporarily_unavailable");
    let (status, ready) = sidecar.admin("/readyz").await.unwrap();
    assert_eq!(status, 503, "{ready}");
}

#[tokio::test]
async fn slow_token_request_continues_after_the_timeout() {
    let setup = Setup::new().await;
    setup.passport.inject(Endpoint::Token, Fault::Slow(Duration::from_secs(3)));
    let sidecar = setup.sidecar_with("[limits]\nresponse_timeout_seconds = 1").await;
    let get = || sidecar.unix().get("http://localhost/v1/token?identity=erp").send();
    let response = get().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (503, &"1".parse().unwrap())
    );
    let deadline = Instant::now() + Duration::from_secs(30);
    while get().await.unwrap().status() != 200 {
        assert!(Instant::now() < deadline, "the token request does not end");
    }
    assert_eq!(setup.passport.counters().token(), 1);
}

#[tokio::test]
async fn secret_is_in_no_response_log_environment_or_dump() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar().await;
    let token =
        json(sidecar.unix().get("http://localhost/v1/token?identity=erp").send().await.unwrap()).await;
    let token = token["access_token"].as_str().unwrap();
    setup.registered.disable();
    let send = |path: &str| sidecar.unix().get(format!("http://localhost{path}")).send();
    let mut responses = String::new();
    for path in ["/v1/token?identity=payroll", "/v1/token?identity=erp&scope=openid", "/v1/auth", "/to/api/x"]
    {
        responses += &send(path).await.unwrap().text().await.unwrap();
    }
    let (_, metrics) = sidecar.admin("/metrics").await.unwrap();
    let (_, ready) = sidecar.admin("/readyz").await.unwrap();
    let pid = sidecar.process.id().unwrap();
    // The files in `/proc` of a process that is not dumpable belong to root, so that other users
    // cannot read them.
    let environment = std::fs::read(format!("/proc/{pid}/environ"));
    assert!(environment.is_err() || nix::unistd::geteuid().is_root(), "the process can be dumped");
    let environment = environment.unwrap_or_default();
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    assert!(
        limits.lines().any(|line| line.starts_with("Max core file size") && line.contains(" 0 ")),
        "{limits}"
    );
    let secret = std::fs::read_to_string(setup.path(SECRET_FILE)).unwrap();
    let all =
        [sidecar.logged(), metrics, ready, String::from_utf8_lossy(&environment).into_owned()].join("\n");
    for hidden in [&*secret, token, CALLER_TOKEN] {
        assert!(!all.contains(hidden), "{hidden}");
    }
    // The reference of a secret that cannot be read is not in the response either.
    for hidden in [&*secret, CALLER_TOKEN, "NOWHERE"] {
        assert!(!responses.contains(hidden), "{hidden}");
    }
    assert!(responses.contains("server_error"), "at least one error response: {responses}");
    assert!(
        all.contains("passport_sidecar_requests_total") && all.contains("request finished"),
        "metrics and log are complete"
    );
}
