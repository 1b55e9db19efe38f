//! Descriptions of unmet requirements in responses and log events.

use std::{convert::Infallible, future::ready};

use bytes::Bytes;
use http::{HeaderName, Response, header::WWW_AUTHENTICATE};
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, service_fn};

use super::*;
use crate::{UnmetRequirement, test_support::Log};

#[test]
fn requirements_are_equal_if_their_texts_are() {
    let clerk = || Requirement::role("clerk").and(Requirement::multi_factor());
    assert_eq!(clerk(), clerk());
    assert_ne!(clerk(), Requirement::role("clerk"));
    let check = |result: bool| Requirement::from_fn("is ada", move |_, _| result);
    assert_eq!(check(true), check(false), "checks are not compared");
}

#[test]
fn rejection_by_permission_check_has_layer_settings() {
    let inner =
        service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))));
    let mut service = RequireLayer::new(remote(Some(false)).0).without_error_details().layer(inner);
    let response = service.call(request(&json!({}), "/")).now_or_never().unwrap().unwrap();
    assert_eq!(response.status(), 403);
    let body = response.into_body().collect().now_or_never().unwrap().unwrap().to_bytes();
    assert_eq!(body, r#"{"error":"forbidden"}"#);
}

#[test]
fn each_requirement_has_a_text_and_a_reason() {
    let in_path = Requirement::tenant_in_path("/tenants/{id}", "id").unwrap();
    let in_header = Requirement::tenant_in_header(TENANT);
    for (requirement, text, reason) in [
        (Requirement::service_account(), "service account", "ServiceAccountRequired"),
        (Requirement::user(), "user", "UserRequired"),
        (Requirement::role("a"), "role a", "RoleRequired"),
        (Requirement::any_role(["a", "b"]), "any of the roles a, b", "RoleRequired"),
        (Requirement::all_roles(["a", "b"]), "all of the roles a, b", "RoleRequired"),
        (Requirement::permission("x.read"), "permission x.read", "PermissionRequired"),
        (remote(None).0, "permission x.read", "PermissionRequired"),
        (Requirement::scopes("a b").unwrap(), "scopes a b", "ScopeRequired"),
        (Requirement::tenant("t-1"), "tenant t-1", "TenantMismatch"),
        (in_path, "tenant in the path /tenants/{id}", "TenantMismatch"),
        (in_header, "tenant in the header x-tenant-id", "TenantMismatch"),
        (Requirement::multi_factor(), "multi-factor authentication", "StrongerAuthenticationRequired"),
        (Requirement::acr("gold"), "authentication context gold", "StrongerAuthenticationRequired"),
        (Requirement::from_fn("is ada", |_, _| true), "is ada", "CheckFailed"),
        (!Requirement::user(), "not user", "RequirementNotMet"),
    ] {
        let unmet = requirement.unmet();
        assert_eq!((unmet.required(), unmet.reason()), (text, reason));
    }
}

const TENANT: HeaderName = HeaderName::from_static("x-tenant-id");

#[test]
fn tenant_header_must_be_the_callers_tenant() {
    let own = Requirement::tenant_in_header(TENANT);
    for (tenants, is_met) in [
        (&[][..], true),
        (&["t-1"], true),
        (&["t-1", "t-1"], true),
        (&["t-2"], false),
        (&["t-1", "t-2"], false),
    ] {
        let mut request = request(&json!({ "tenant_id": "t-1" }), "/");
        for tenant in tenants {
            request.headers_mut().append(TENANT, tenant.parse().unwrap());
        }
        assert_eq!(decision(&own, &request).is_ok(), is_met, "{tenants:?}");
    }
}

#[test]
fn cause_of_a_failed_permission_check_is_logged() {
    let log = Log::listen(tracing::Level::WARN);
    assert_eq!(decision(&remote(None).0, &request(&json!({}), "/")), Err(Rejection::PermissionCheckFailed));
    assert_eq!(log.lines_with("policy engine down").len(), 1);
}

#[test]
fn missing_scopes_are_in_the_challenge() {
    let inner =
        service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))));
    let mut service = RequireLayer::new(Requirement::scopes("a b").unwrap()).layer(inner);
    let response = service.call(request(&json!({ "scope": "a" }), "/")).now_or_never().unwrap().unwrap();
    let challenge = r#"Bearer realm="passport", error="insufficient_scope", scope="a b""#;
    assert_eq!(response.headers()[WWW_AUTHENTICATE], challenge);
}

#[test]
fn unmet_requirement_has_text_and_reason() {
    let scopes = Requirement::scopes("a b").unwrap();
    for (requirement, required, reason) in [
        (Requirement::role("clerk"), "role clerk", "RoleRequired"),
        (scopes, "scopes a b", "ScopeRequired"),
        (!Requirement::user(), "not user", "RequirementNotMet"),
    ] {
        let unmet = UnmetRequirement::from(requirement);
        assert_eq!((unmet.required(), unmet.reason()), (required, reason));
        assert_eq!(unmet.to_string(), required);
    }
    let unmet = |role| UnmetRequirement::from(Requirement::role(role));
    assert!(unmet("a") == unmet("a") && unmet("a") != unmet("b"));
}
