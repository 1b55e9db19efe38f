//! Forwarded requests: their tokens, headers and errors.

use serde_json::Value;

use passport_test_support::servers::serve;

use crate::harness::{CALLER_TOKEN, Setup, json, plain};

#[tokio::test]
async fn forwarded_request_has_the_identitys_token() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar().await;
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
async fn propagated_request_needs_the_callers_token() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar().await;
    let get = || sidecar.unix().get("http://localhost/to/as_the_caller/orders");
    let token = setup.passport.managed_identity("user").create().token().build();
    let seen = json(get().bearer_auth(token).send().await.unwrap()).await;
    assert_eq!(seen["caller"], "user");
    let rejected = get().send().await.unwrap();
    assert_eq!(
        (rejected.status().as_u16(), json(rejected).await["error"].clone()),
        (401, "invalid_token".into())
    );
}

#[tokio::test]
async fn propagation_falls_back_to_the_identity() {
    let setup = Setup::new().await;
    let both = format!("[upstreams.both]\nurl = \"{}\"\nidentity = \"erp\"\npropagate = true", setup.api);
    let sidecar = setup.sidecar_with(&both).await;
    let get = || sidecar.unix().get("http://localhost/to/both/orders");
    let token = setup.passport.managed_identity("user").create().token().build();
    assert_eq!(json(get().bearer_auth(token).send().await.unwrap()).await["caller"], "user");
    assert_eq!(json(get().send().await.unwrap()).await["caller"], "erp");
    assert_eq!(
        get().bearer_auth("not-one").send().await.unwrap().status(),
        401,
        "an invalid token is not replaced"
    );
}

#[tokio::test]
async fn unresponsive_upstream_times_out() {
    let upstream = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = upstream.local_addr().unwrap();
    let setup = Setup::new().await;
    let more = format!(
        "[limits]\nhead_timeout_seconds = 1\nresponse_timeout_seconds = 1\nidle_timeout_seconds = 3\n\
         [upstreams.hangs]\nurl = \"http://{address}\"\nidentity = \"erp\"\n\
         [upstreams.of_tls]\nurl = \"https://{address}\"\nidentity = \"erp\""
    );
    let sidecar = setup.sidecar_with(&more).await;
    for name in ["hangs", "of_tls"] {
        let post = || sidecar.unix().post(format!("http://localhost/to/{name}/orders"));
        // Without a body, with one that fits into the buffers, and with one that does not.
        for body in [0, 1000, 50_000_000] {
            let response = post().body("x".repeat(body)).send().await.unwrap();
            assert_eq!(response.status(), 504, "{name} {body}");
            assert_eq!(response.headers()["passport-sidecar-error"], "server_error");
        }
    }
}

#[tokio::test]
async fn head_is_forwarded_and_redirect_returned() {
    let router = axum::Router::new()
        .route("/there", axum::routing::get(async || "body"))
        .route("/here", axum::routing::get(async || axum::response::Redirect::permanent("/there")));
    let setup = Setup::new().await;
    let plain = format!("[upstreams.plain]\nurl = \"{}\"\nidentity = \"erp\"", serve(router).await);
    let sidecar = setup.sidecar_with(&plain).await;
    let head = sidecar.unix().head("http://localhost/to/plain/there").send().await.unwrap();
    assert_eq!((head.status().as_u16(), &head.headers()["content-length"]), (200, &"4".parse().unwrap()));
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let client = builder.unix_socket(sidecar.socket.as_path()).build().unwrap();
    let request = client.get("http://localhost/to/plain/here").header("passport-sidecar", "true");
    let redirect = request.send().await.unwrap();
    assert_eq!(
        (redirect.status().as_u16(), &redirect.headers()["location"]),
        (308, &"/there".parse().unwrap())
    );
}

#[tokio::test]
async fn tcp_needs_the_callers_token_and_does_not_forward_it() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar().await;
    let get = || plain().get(sidecar.url("/to/api/orders")).header("passport-sidecar", "true");
    assert_eq!(get().send().await.unwrap().status(), 401);
    let seen = json(get().header("passport-sidecar-token", CALLER_TOKEN).send().await.unwrap()).await;
    assert_eq!(seen["caller"], "erp");
    assert!(!seen["headers"].to_string().contains("passport-sidecar-token"));
}

#[tokio::test]
async fn unforwardable_request_is_rejected() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar_with(&format!(
        "[upstreams.unreachable]\nurl = \"http://127.0.0.1:9\"\nidentity = \"erp\"\n[upstreams.payroll]\nurl = \"{}\"\nidentity = \"payroll\"",
        setup.api
    ))
    .await;
    let get = |path: &str| sidecar.unix().get(format!("http://localhost{path}"));
    assert_eq!(get("/to/payroll/x").send().await.unwrap().status(), 404, "an identity of another caller");
    assert_eq!(get("/to/unreachable/x").send().await.unwrap().status(), 502);
    assert_eq!(get("/to/api/..%2fx").send().await.unwrap().status(), 400);
    assert_eq!(get("/to/api/a%5c..%5cx").send().await.unwrap().status(), 400);
    assert_eq!(get("/anything").send().await.unwrap().status(), 404);
    for reserved in ["/v1/x", "/passport/x", "/to"] {
        let response = get(reserved).header("passport-sidecar-upstream", "api").send().await.unwrap();
        assert_eq!(response.status(), 404, "{reserved}");
    }
    let named = get("/orders").header("passport-sidecar-upstream", "api").send().await.unwrap();
    assert_eq!(json(named).await["uri"], "/orders");
}

#[tokio::test]
async fn gateway_headers_follow_the_setting() {
    let setup = Setup::new().await;
    let headers = [("x-forwarded-for", "1.2.3.4"), ("via", "1.1 gateway"), ("referer", "https://a/b")];
    for (setting, status, forwarded) in [("drop", 200, false), ("forward", 200, true), ("reject", 403, false)]
    {
        let listen =
            format!("[listen]\nunix_proxy_headers = \"{setting}\"\ntcp_proxy_headers = \"{setting}\"");
        let config = setup.config("").replace("[listen]", &listen);
        let sidecar = setup.start(&config).serves().await;
        let unix = sidecar.unix().get("http://localhost/to/api/orders");
        let tcp = plain().get(sidecar.url("/to/api/orders")).header("passport-sidecar", "true");
        for get in [unix, tcp.header("passport-sidecar-token", CALLER_TOKEN)] {
            let get = headers.iter().fold(get, |get, (name, value)| get.header(*name, *value));
            let response = get.send().await.unwrap();
            assert_eq!(response.status(), status, "{setting}");
            if status == 200 {
                let seen = json(response).await["headers"].to_string();
                assert!(headers.iter().all(|(name, _)| seen.contains(name) == forwarded), "{seen}");
            }
        }
    }
}

#[tokio::test]
async fn proxy_headers_are_dropped_on_unix_rejected_on_tcp() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar().await;
    let unix = sidecar.unix().get("http://localhost/to/api/orders").header("via", "1.1 gateway");
    let response = unix.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(!json(response).await["headers"].to_string().contains("via"));
    let tcp = plain().get(sidecar.url("/to/api/orders")).header("passport-sidecar", "true");
    let tcp = tcp.header("passport-sidecar-token", CALLER_TOKEN).header("via", "1.1 gateway");
    assert_eq!(tcp.send().await.unwrap().status(), 403);
}
