//! Each requirement with each kind of caller, over HTTP and gRPC, as a separate layer and
//! combined with authentication.

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    response::IntoResponse,
    routing::{MethodRouter, any, get},
};
use http::{Method, Request, StatusCode, Version, request::Parts};
use passport_dev::DevPassport;
use passport_inbound::{
    AuthenticateLayer, Authorized, CallerRejection, Claims, IdInfo, PermissionCheckError, PermissionChecker,
    Policy, Rejection, RequireLayer, Requirement, RolePermissions, ServiceAccount, User,
};
use tower::{Layer, ServiceExt};

use crate::harness::{EmptyResponse, http, serve, status_with, verifier};

/// An anonymous caller, a clerk of tenant-1, a service account, a clerk of another tenant, and a
/// caller with an expired token.
const CALLERS: [&str; 5] = ["anonymous", "user", "service", "other tenant", "expired"];

/// Whether user, service and other tenant of [`CALLERS`] meet the requirement.
type Passes = [bool; 3];

#[derive(Debug)]
struct PermissionDirectory;

impl PermissionChecker for PermissionDirectory {
    async fn check(&self, caller: &IdInfo, permission: &str) -> Result<bool, PermissionCheckError> {
        tokio::task::yield_now().await;
        Ok(permission == "payroll.read" && caller.tenant_id() == "tenant-1")
    }
}

fn guards() -> Vec<(Requirement, Passes)> {
    let roles = RolePermissions::new().grant("clerk", ["payroll.*"]);
    let own_tenant = Requirement::tenant_in_path("/tenants/{tenant}/records", "tenant").unwrap();
    let is_own = |caller: &IdInfo, _: passport_inbound::RequestHead<'_>| caller.tenant_id() == "tenant-1";
    vec![
        (Requirement::service_account(), [false, true, false]),
        (Requirement::user(), [true, false, true]),
        (!Requirement::user(), [false, true, false]),
        (Requirement::role("clerk"), [true, false, true]),
        (Requirement::any_role(["scheduler", "admin"]), [false, true, false]),
        (Requirement::all_roles(["clerk", "auditor"]), [true, false, false]),
        (Requirement::permission("reports.read"), [true, false, false]),
        (roles.permission("payroll.read"), [true, false, true]),
        (Requirement::scopes("payroll:read").unwrap(), [true, false, false]),
        (Requirement::tenant("tenant-1"), [true, true, false]),
        (own_tenant, [true, true, false]),
        (Requirement::multi_factor(), [true, false, false]),
        (Requirement::acr("urn:passport:authn:password"), [false, false, true]),
        (Requirement::from_fn("of tenant-1", is_own), [true, true, false]),
        (Requirement::remote_permission(PermissionDirectory, "payroll.read"), [true, true, false]),
        (Requirement::remote_permission(PermissionDirectory, "payroll.write"), [false, false, false]),
        (Requirement::role("clerk").and(Requirement::tenant("tenant-1")), [true, false, false]),
        (Requirement::service_account().or(Requirement::multi_factor()), [true, true, false]),
    ]
}

fn tokens(passport: &DevPassport) -> [Option<String>; 5] {
    let clerk = || passport.user_token("ada").role("clerk");
    let user = clerk()
        .role("auditor")
        .claim("permissions", vec!["reports.*"])
        .claim("scope", "payroll:read openid")
        .claim("acr", "urn:passport:authn:mfa:totp");
    let service = passport.managed_identity("payroll").role("scheduler").create().token();
    let other = clerk().claim("tenant_id", "tenant-2").claim("acr", "urn:passport:authn:password");
    let expired = clerk().expired_for(Duration::from_secs(120));
    [None, Some(user.build()), Some(service.build()), Some(other.build()), Some(expired.build())]
}

fn request(token: Option<&str>, is_grpc: bool) -> Request<()> {
    let mut request = Request::get("/tenants/tenant-1/records").body(()).unwrap();
    if is_grpc {
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        request.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
    }
    if let Some(token) = token {
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    request
}

/// Returns the HTTP status and the gRPC status, if there is one.
async fn answer(
    layer: &AuthenticateLayer,
    guard: Option<&RequireLayer>,
    request: Request<()>,
) -> (StatusCode, Option<String>) {
    let (status, headers) = if let Some(guard) = guard {
        let response = layer.layer(guard.layer(EmptyResponse)).oneshot(request).await.unwrap();
        (response.status(), response.headers().clone())
    } else {
        let response = layer.layer(EmptyResponse).oneshot(request).await.unwrap();
        (response.status(), response.headers().clone())
    };
    (status, headers.get("grpc-status").map(|status| status.to_str().unwrap().to_owned()))
}

#[tokio::test]
async fn each_requirement_decides_each_caller_on_http_and_grpc() {
    let passport = DevPassport::start().await.unwrap();
    let (verifier, tokens) = (verifier(&passport), tokens(&passport));
    for (requirement, passes) in guards() {
        let guard = RequireLayer::new(requirement.clone());
        let outside = AuthenticateLayer::new(verifier.clone());
        let in_one = outside.clone().require(requirement.clone());
        let optional = outside.clone().optional();
        for (number, (caller, token)) in CALLERS.iter().zip(&tokens).enumerate() {
            let is_known = (1..=3).contains(&number);
            let (status, grpc) = match is_known.then(|| passes[number - 1]) {
                None => (401, "16"),
                Some(false) => (403, "7"),
                Some(true) => (200, ""),
            };
            for (style, layer, guard) in [
                ("two", &outside, Some(&guard)),
                ("one", &in_one, None),
                ("optional", &optional, Some(&guard)),
            ] {
                let what = format!("{requirement}, {caller}, {style}");
                let (seen, _) = answer(layer, guard, request(token.as_deref(), false)).await;
                assert_eq!(seen.as_u16(), status, "{what}");
                let (seen, code) = answer(layer, guard, request(token.as_deref(), true)).await;
                assert_eq!(seen, StatusCode::OK, "{what}");
                assert_eq!(code.unwrap_or_default(), grpc, "{what}");
            }
        }
    }
}

#[tokio::test]
async fn layers_in_the_wrong_order_fail_closed() {
    let passport = DevPassport::start().await.unwrap();
    let (layer, tokens) = (AuthenticateLayer::new(verifier(&passport)), tokens(&passport));
    for requirement in [Requirement::user(), !Requirement::user()] {
        let wrong = RequireLayer::new(requirement).layer(layer.layer(EmptyResponse));
        for token in &tokens {
            let response = wrong.clone().oneshot(request(token.as_deref(), false)).await.unwrap();
            assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        }
    }
}

#[tokio::test]
async fn rejection_names_the_requirement() {
    let passport = DevPassport::start().await.unwrap();
    let token = passport.user_token("ada").build();
    let told = async |requirement: Requirement, hides_details: bool| {
        let guard = RequireLayer::new(requirement);
        let guard = if hides_details { guard.without_error_details() } else { guard };
        let router = Router::new().route("/", get(|| async {})).route_layer(guard);
        let api = serve(router.layer(AuthenticateLayer::new(verifier(&passport)))).await;
        let response = http().get(&api).bearer_auth(&token).send().await.unwrap();
        let challenge =
            response.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
        (response.text().await.unwrap(), challenge)
    };
    let both = Requirement::role("a \"b\"").and(Requirement::multi_factor());
    assert_eq!(
        told(both, false).await.0,
        r#"{"error":"forbidden","reason":"RequirementNotMet","required":"(role a \"b\" and multi-factor authentication)"}"#
    );
    let (body, challenge) = told(Requirement::scopes("payroll:read").unwrap(), false).await;
    assert_eq!(body, r#"{"error":"forbidden","reason":"ScopeRequired","required":"scopes payroll:read"}"#);
    assert_eq!(
        challenge.unwrap(),
        r#"Bearer realm="passport", error="insufficient_scope", scope="payroll:read""#
    );
    assert_eq!(told(Requirement::role("a"), true).await.0, r#"{"error":"forbidden"}"#);
}

struct Clerks;

impl Policy for Clerks {
    fn requirement() -> Requirement {
        Requirement::role("clerk").and(Requirement::remote_permission(PermissionDirectory, "payroll.read"))
    }
}

#[derive(serde::Deserialize)]
struct Strong {
    acr: String,
}

#[tokio::test]
async fn extractor_enforces_a_policy_as_the_layer_does() {
    let passport = DevPassport::start().await.unwrap();
    let router = Router::new()
        .route("/service", get(|_: ServiceAccount| async {}))
        .route("/user", get(|User(user): User| async move { user.user_id().to_owned() }))
        .route(
            "/clerks",
            get(|clerk: Authorized<Clerks>| async move { clerk.into_caller().user_id().to_owned() }),
        )
        .route("/strong", get(|strong: Claims<Strong>| async move { strong.claims.acr }))
        .route("/anybody", get(|caller: Option<IdInfo>| async move { format!("{}", caller.is_some()) }));
    let api = serve(router.clone().layer(AuthenticateLayer::new(verifier(&passport)).optional())).await;
    let unguarded = serve(router).await;
    let tokens = tokens(&passport);
    for (path, passes) in [
        ("service", [401, 403, 200, 403, 401]),
        ("user", [401, 200, 403, 200, 401]),
        ("clerks", [401, 200, 403, 403, 401]),
        ("strong", [401, 200, 403, 200, 401]),
        ("anybody", [200, 200, 200, 200, 401]),
    ] {
        for ((caller, token), status) in CALLERS.iter().zip(&tokens).zip(passes) {
            assert_eq!(
                status_with(&format!("{api}/{path}"), token.as_deref()).await,
                status,
                "{path}, {caller}"
            );
        }
        let status = if path == "anybody" { 200 } else { 500 };
        assert_eq!(status_with(&format!("{unguarded}/{path}"), None).await, status, "{path}");
    }
}

#[tokio::test]
async fn layer_settings_apply_to_extractors() {
    let passport = DevPassport::start().await.unwrap();
    let router = || {
        Router::new()
            .route("/caller", get(|_: IdInfo| async {}))
            .route("/service", get(|_: ServiceAccount| async {}))
            .route("/clerks", get(|_: Authorized<Clerks>| async {}))
            .route("/strong", get(|_: Claims<Strong>| async {}))
            .route("/layer", get(|| async {}).layer(RequireLayer::new(Requirement::role("clerk"))))
    };
    let layer = || AuthenticateLayer::new(verifier(&passport)).optional();
    let opaque = serve(router().layer(layer().without_error_details())).await;
    let own = layer().with_rejection_response(|rejection, response| {
        let words = format!("own {}", rejection.status().as_u16());
        response.map(|_| words.into())
    });
    let own = serve(router().layer(own)).await;
    let token = passport.user_token("ada").build();
    let body = async |url: String, token: Option<&str>| {
        let request = token.into_iter().fold(http().get(url), reqwest::RequestBuilder::bearer_auth);
        request.send().await.unwrap().text().await.unwrap()
    };
    for path in ["service", "clerks", "strong", "layer"] {
        let refused = body(format!("{opaque}/{path}"), Some(&token)).await;
        assert_eq!(refused, r#"{"error":"forbidden"}"#, "{path}");
        assert_eq!(body(format!("{own}/{path}"), Some(&token)).await, "own 403", "{path}");
        assert_eq!(body(format!("{own}/{path}"), None).await, "own 401", "{path}");
    }
    assert_eq!(body(format!("{own}/caller"), None).await, "own 401");
}

/// Returns the HTTP status, the gRPC status and the body of a rejected request to `router`.
async fn rejection(router: &Router, method: Method, content_type: &str) -> (u16, Option<String>, String) {
    let request = Request::builder().method(method).uri("/").header("content-type", content_type);
    let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let grpc = response.headers().get("grpc-status").map(|status| status.to_str().unwrap().to_owned());
    let (status, body) = (response.status().as_u16(), response.into_body());
    let body = axum::body::to_bytes(body, 1000).await.unwrap();
    (status, grpc, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn extractors_reject_in_the_format_of_the_layer() {
    let passport = DevPassport::start().await.unwrap();
    let layer = || AuthenticateLayer::new(verifier(&passport)).optional();
    let handlers: [fn() -> MethodRouter; 4] = [
        || any(|_: IdInfo| async {}),
        || any(|_: ServiceAccount| async {}),
        || any(|_: Authorized<Clerks>| async {}),
        || any(|_: Claims<Strong>| async {}),
    ];
    let http = |body: &str| (401, None, body.to_owned());
    let grpc = || (200, Some("16".to_owned()), String::new());
    let standard = r#"{"error":"authentication_required"}"#;
    for handler in handlers {
        let router = Router::new().route("/", handler());
        let below = |layer: AuthenticateLayer| router.clone().layer(layer);
        let grpc_rejections = below(layer().grpc_rejections());
        for content_type in ["application/json", "application/grpc"] {
            assert_eq!(rejection(&grpc_rejections, Method::GET, content_type).await, grpc());
            assert_eq!(rejection(&grpc_rejections, Method::POST, content_type).await, grpc());
        }
        let any_form = below(layer());
        assert_eq!(rejection(&any_form, Method::POST, "application/grpc").await, grpc());
        assert_eq!(rejection(&any_form, Method::GET, "application/grpc").await, http(standard));
        let web = rejection(&any_form, Method::POST, "application/grpc-web").await;
        assert!(web.0 == 200 && web.2.contains("grpc-status: 16"), "{web:?}");
        let http_rejections = below(layer().http_rejections());
        assert_eq!(rejection(&http_rejections, Method::POST, "application/grpc").await, http(standard));
    }
}

/// The error type of a service, with the text of the extractor's rejection.
struct OwnError(CallerRejection);

impl From<CallerRejection> for OwnError {
    fn from(refused: CallerRejection) -> Self {
        Self(refused)
    }
}

impl IntoResponse for OwnError {
    fn into_response(self) -> axum::response::Response {
        self.0.into_response()
    }
}

#[tokio::test]
async fn layer_settings_survive_conversions() {
    let passport = DevPassport::start().await.unwrap();
    let token = passport.user_token("ada").build();
    let router = Router::new()
        .route(
            "/argument",
            get(|caller: Result<ServiceAccount, CallerRejection>| async move {
                caller.map(drop).map_err(OwnError::from)
            }),
        )
        .route(
            "/handler",
            get(|parts: Parts| async move {
                let rejection = Rejection::Forbidden(Requirement::role("clerk").into());
                Err::<(), _>(OwnError::from(CallerRejection::new(rejection, &parts)))
            }),
        );
    let layer = || AuthenticateLayer::new(verifier(&passport));
    let opaque = serve(router.clone().layer(layer().without_error_details())).await;
    let own =
        serve(router.layer(layer().with_rejection_response(|_, response| response.map(|_| "own".into()))))
            .await;
    for path in ["argument", "handler"] {
        for (api, expected) in [(&opaque, r#"{"error":"forbidden"}"#), (&own, "own")] {
            let response = http().get(format!("{api}/{path}")).bearer_auth(&token).send().await.unwrap();
            assert_eq!(response.status(), 403, "{path}");
            assert_eq!(response.text().await.unwrap(), expected, "{path}");
        }
    }
}
