//! Requests that are passed on.

use serde_json::Value;

use crate::scene::{CALLER_TOKEN, Scene, json, plain};

#[tokio::test]
async fn a_request_is_passed_on_in_the_name_of_the_identity() {
    let scene = Scene::new().await;
    let sidecar = scene.sidecar().await;
    let request = sidecar
        .unix()
        .post("http://localhost/to/api/orders/a%2Fb?since=1&x=%20")
        .bearer_auth("of-the-caller")
        .header("x-passport-subject", "admin")
        .header("connection", "x-of-the-hop")
        .header("x-of-the-hop", "1")
        .body("x".repeat(100_000));
    let seen = json(request.send().await.unwrap()).await;
    assert_eq!(
        (&seen["caller"], &seen["method"], &seen["bytes"]),
        (&"erp".into(), &"POST".into(), &100_000.into())
    );
    assert_eq!(seen["uri"], "/orders/a%2Fb?since=1&x=%20");
    let headers = seen["headers"].as_array().unwrap();
    for header in ["passport-sidecar", "x-passport-subject", "x-of-the-hop", "connection"] {
        assert!(!headers.contains(&Value::from(header)), "{header} in {headers:?}");
    }
}

#[tokio::test]
async fn a_request_is_passed_on_in_the_callers_name_or_not_at_all() {
    let scene = Scene::new().await;
    let sidecar = scene.sidecar().await;
    let get = || sidecar.unix().get("http://localhost/to/as_the_caller/orders");
    let token = scene.passport.managed_identity("somebody").create().token().build();
    let seen = json(get().bearer_auth(token).send().await.unwrap()).await;
    assert_eq!(seen["caller"], "somebody");
    let refused = get().send().await.unwrap();
    assert_eq!(
        (refused.status().as_u16(), json(refused).await["error"].clone()),
        (401, "invalid_token".into())
    );
}

#[tokio::test]
async fn over_tcp_it_wants_the_callers_token_and_does_not_pass_it_on() {
    let scene = Scene::new().await;
    let sidecar = scene.sidecar().await;
    let get = || plain().get(sidecar.url("/to/api/orders")).header("passport-sidecar", "true");
    assert_eq!(get().send().await.unwrap().status(), 401);
    let seen = json(get().header("passport-sidecar-token", CALLER_TOKEN).send().await.unwrap()).await;
    assert_eq!(seen["caller"], "erp");
    assert!(!seen["headers"].to_string().contains("passport-sidecar-token"));
}

#[tokio::test]
async fn what_cannot_be_passed_on_is_refused() {
    let scene = Scene::new().await;
    let sidecar = scene.sidecar_with(&format!(
        "[upstreams.nobody]\nurl = \"http://127.0.0.1:9\"\nidentity = \"erp\"\n[upstreams.payroll]\nurl = \"{}\"\nidentity = \"payroll\"",
        scene.api
    ))
    .await;
    let get = |path: &str| sidecar.unix().get(format!("http://localhost{path}"));
    assert_eq!(get("/to/payroll/x").send().await.unwrap().status(), 404, "it is not for this caller");
    assert_eq!(get("/to/nobody/x").send().await.unwrap().status(), 502);
    assert_eq!(get("/to/api/x").header("upgrade", "websocket").send().await.unwrap().status(), 501);
    assert_eq!(get("/to/api/..%2fx").send().await.unwrap().status(), 400);
    assert_eq!(get("/to/api/a%5c..%5cx").send().await.unwrap().status(), 400);
    assert_eq!(get("/anything").send().await.unwrap().status(), 404);
    assert_eq!(
        get("/to/api/x").header("upgrade", "h2c").send().await.unwrap().status(),
        200,
        "it is an offer"
    );
    for ours in ["/v1/x", "/passport/x", "/to"] {
        let led = get(ours).header("passport-sidecar-upstream", "api").send().await.unwrap();
        assert_eq!(led.status(), 404, "{ours}");
    }
    let named = get("/orders").header("passport-sidecar-upstream", "api").send().await.unwrap();
    assert_eq!(json(named).await["uri"], "/orders");
}
