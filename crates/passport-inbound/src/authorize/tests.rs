//! Decisions of requirements, with the laws of logic that they must obey.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures_util::FutureExt;
use http::Request;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    IdInfo, Rejection, identity::Anonymous, jwt::claims::Claims,
    test_support::assert_ready_with_inner_service,
};

mod descriptions;
mod external_callers;
mod introspection;

fn caller(claims: &Value) -> IdInfo {
    let payload = claims.to_string().into_bytes();
    IdInfo::of_passport(Claims::parse(&payload).unwrap(), payload, std::time::UNIX_EPOCH)
}

fn request(claims: &Value, path: &str) -> Request<()> {
    let mut request = Request::get(path).body(()).unwrap();
    request.extensions_mut().insert(caller(claims));
    request
}

/// Returns the decision after all permission checks.
fn decision(requirement: &Requirement, request: &Request<()>) -> Result<(), Rejection> {
    match requirement.decide(RequestHead::of(request)) {
        Decision::Allow => Ok(()),
        Decision::Reject(rejection) => Err(rejection),
        Decision::Pending(checks) => checks.now_or_never().expect("these checks are always ready"),
    }
}

fn is_met(requirement: &Requirement, claims: &Value) -> bool {
    is_met_at(requirement, claims, "/")
}

fn is_met_at(requirement: &Requirement, claims: &Value, path: &str) -> bool {
    match decision(requirement, &request(claims, path)) {
        Ok(()) => true,
        Err(rejection) => {
            assert_eq!(rejection, Rejection::Forbidden(requirement.unmet()));
            false
        }
    }
}

#[test]
fn requirement_is_met_only_by_matching_callers() {
    let roles = RolePermissions::new().grant("clerk", ["payroll.records.*"]);
    let service = json!({ "is_service_account": true });
    for (requirement, meets, does_not) in [
        (Requirement::service_account(), service.clone(), json!({ "is_service_account": "true" })),
        (Requirement::service_account(), service.clone(), json!({ "managed_identity_id": "mi-1" })),
        (Requirement::user(), json!({}), service.clone()),
        (
            Requirement::role("clerk"),
            json!({ "roles": ["a", "clerk"] }),
            json!({ "roles": ["Clerk", "clerks"] }),
        ),
        (Requirement::any_role(["a", "b"]), json!({ "roles": "b" }), json!({ "roles": ["c"] })),
        (Requirement::all_roles(["a", "b"]), json!({ "roles": ["b", "a"] }), json!({ "roles": ["a"] })),
        (
            Requirement::permission("x.read"),
            json!({ "permissions": ["x.*"] }),
            json!({ "permissions": ["x.reading"] }),
        ),
        (
            roles.permission("payroll.records.read"),
            json!({ "roles": ["clerk"] }),
            json!({ "roles": ["user"] }),
        ),
        (
            roles.permission("payroll.run"),
            json!({ "permissions": ["payroll.*"] }),
            json!({ "roles": ["clerk"] }),
        ),
        (Requirement::scopes("a b").unwrap(), json!({ "scope": "b c a" }), json!({ "scope": "a" })),
        (Requirement::scopes("a").unwrap(), json!({ "scope": "a" }), json!({ "scope": ["a"] })),
        (Requirement::tenant("t-1"), json!({ "tenant_id": "t-1" }), json!({ "tenant_id": "t-2" })),
        (Requirement::multi_factor(), json!({ "amr": ["pwd", "otp"] }), json!({ "amr": ["pwd"] })),
        (
            Requirement::multi_factor(),
            json!({ "acr": "urn:passport:authn:mfa:totp" }),
            json!({ "acr": "urn:passport:authn:mfax" }),
        ),
        (
            Requirement::multi_factor(),
            json!({ "acr": "urn:passport:authn:mfa" }),
            json!({ "acr": "urn:passport:authn:password" }),
        ),
        (Requirement::acr("gold"), json!({ "acr": "gold" }), json!({ "acr": ["gold"] })),
        (
            Requirement::from_fn("is ada", |caller, _| caller.user_id() == "ada"),
            json!({ "sub": "ada" }),
            json!({ "sub": "eve" }),
        ),
    ] {
        assert!(is_met(&requirement, &meets), "{requirement}: {meets}");
        assert!(!is_met(&requirement, &does_not), "{requirement}: {does_not}");
        assert!(!is_met(&!requirement.clone(), &meets), "not {requirement}: {meets}");
        assert!(is_met(&!requirement.clone(), &does_not), "not {requirement}: {does_not}");
    }
}

#[test]
fn empty_list_of_roles_is_never_met() {
    let none: [&str; 0] = [];
    for requirement in [Requirement::any_role(none), Requirement::all_roles(none)] {
        assert!(!is_met(&requirement, &json!({ "roles": ["admin"] })));
    }
}

#[test]
fn tenant_in_the_path_must_be_the_callers_tenant() {
    let own = Requirement::tenant_in_path("/tenants/{tenant}/{*rest}", "tenant").unwrap();
    let claims = json!({ "tenant_id": "t-1" });
    assert!(is_met_at(&own, &claims, "/tenants/t-1/records"));
    assert!(!is_met_at(&own, &claims, "/tenants/t-2/records"));
    assert!(!is_met_at(&own, &claims, "/elsewhere"));
    for ambiguous in ["/tenants/t-1/../t-2/x", "/tenants/t-1/%2e%2e/t-2/x", "/tenants/t-1/..%2ft-2/x"] {
        let user = Requirement::user;
        for requirement in [own.clone(), !own.clone(), user().or(own.clone()), user().or(!own.clone())] {
            assert!(!is_met_at(&requirement, &claims, ambiguous), "{requirement} {ambiguous}");
        }
        assert!(is_met_at(&user(), &claims, ambiguous), "the requirement does not read the path");
    }
    let message = Requirement::tenant_in_path("/tenants", "tenant").unwrap_err().to_string();
    assert!(message.contains("`/tenants`") && message.contains("/tenants/{tenant}/{*rest}"), "{message}");
}

#[test]
fn path_without_a_tenant_never_grants_access() {
    let own = || Requirement::tenant_in_path("/tenants/{tenant}", "tenant").unwrap();
    let records = Requirement::tenant_in_path("/tenants/{tenant}/records", "tenant").unwrap();
    let (met, unmet) = (Requirement::user, Requirement::service_account);
    let claims = json!({ "tenant_id": "t-1" });
    for requirement in [
        own(),
        !own(),
        !!own(),
        !!!own(),
        unmet().or(!own()),
        (!own()).or(unmet()),
        met().and(!own()),
        (!own()).and(met()),
        !met().and(own()),
        !own().or(unmet()),
        !(!own()),
        !(unmet().or(own())).and(met()),
        (!own()).or(own()),
        remote(Some(true)).0.and(!own()),
        !remote(Some(true)).0.and(own()),
        remote(Some(false)).0.or(!own()),
    ] {
        for path in ["/elsewhere", "/", "/tenants", "/tenants/t-1/x/y"] {
            assert!(!is_met_at(&requirement, &claims, path), "{requirement} {path}");
        }
    }
    // If the other operand alone grants access, the path does not matter.
    for grants in [met().or(own()), met().or(!own()), !unmet().and(own())] {
        assert!(is_met_at(&grants, &claims, "/elsewhere"), "{grants}");
    }
    assert!(is_met_at(&own().or(records), &claims, "/tenants/t-1/records"), "one of two patterns");
    assert!(is_met_at(&!own(), &claims, "/tenants/t-2"), "another tenant");
    assert!(!is_met_at(&!own(), &claims, "/tenants/t-1"), "the caller's own tenant");
}

#[test]
fn check_sees_the_request() {
    let get =
        Requirement::from_fn("GET of /x", |_, request| request.method == "GET" && request.uri.path() == "/x");
    assert!(is_met_at(&get, &json!({}), "/x"));
    assert!(!is_met_at(&get, &json!({}), "/y"));
}

#[test]
fn request_without_a_caller_is_rejected() {
    for requirement in [Requirement::service_account(), !Requirement::service_account()] {
        let mut request = Request::new(());
        assert_eq!(decision(&requirement, &request), Err(Rejection::MissingAuthenticateLayer));
        request.extensions_mut().insert(Anonymous);
        assert_eq!(decision(&requirement, &request), Err(Rejection::MissingCredentials));
    }
}

#[test]
fn requirement_is_displayed_as_text() {
    let requirement = Requirement::role("a").and(!Requirement::user()).or(Requirement::multi_factor());
    assert_eq!(requirement.to_string(), "((role a and not user) or multi-factor authentication)");
    assert_eq!(requirement, requirement.clone());
    assert_ne!(requirement, Requirement::role("a"));
}

/// A checker that returns a fixed result, or an error for `None`, and counts its calls.
#[derive(Clone, Debug)]
struct FixedChecker {
    result: Option<bool>,
    calls: Arc<AtomicUsize>,
}

impl PermissionChecker for FixedChecker {
    async fn check(&self, _: &IdInfo, _: &str) -> Result<bool, PermissionCheckError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.result.ok_or_else(|| PermissionCheckError::new("policy engine down"))
    }
}

/// Returns a requirement with a [`FixedChecker`], and the counter of the checker's calls.
fn remote(result: Option<bool>) -> (Requirement, Arc<AtomicUsize>) {
    let checker = FixedChecker { result, calls: Arc::default() };
    (Requirement::remote_permission(checker.clone(), "x.read"), checker.calls)
}

#[test]
fn permission_check_decides_and_its_error_is_503() {
    let decide = |result, is_negated: bool| {
        let requirement = remote(result).0;
        let requirement = if is_negated { !requirement } else { requirement };
        decision(&requirement, &request(&json!({}), "/")).map_err(|rejection| rejection.status().as_u16())
    };
    assert_eq!([decide(Some(true), false), decide(Some(false), false)], [Ok(()), Err(403)]);
    assert_eq!([decide(Some(true), true), decide(Some(false), true)], [Err(403), Ok(())]);
    assert_eq!([decide(None, false), decide(None, true)], [Err(503), Err(503)]);
}

#[test]
fn failed_check_is_ignored_if_the_other_part_decides() {
    let failed = || remote(None).0;
    assert!(is_met(&failed().or(remote(Some(true)).0), &json!({})));
    assert!(!is_met(&failed().and(remote(Some(false)).0), &json!({})));
}

#[test]
fn require_service_is_ready_when_its_inner_service_is() {
    assert_ready_with_inner_service(&RequireLayer::new(Requirement::user()));
}

#[test]
fn check_is_skipped_if_its_result_changes_nothing() {
    let (met, unmet) = (Requirement::user(), Requirement::service_account());
    for (requirement, is_pending) in [
        (unmet.clone().and(remote(None).0), false),
        (remote(None).0.and(unmet.clone()), false),
        (met.clone().or(remote(None).0), false),
        (remote(None).0.or(met.clone()), false),
        (remote(None).0.and(met), true),
        (remote(None).0.or(unmet), true),
    ] {
        let request = request(&json!({}), "/");
        let decision = requirement.decide(RequestHead::of(&request));
        assert_eq!(matches!(decision, Decision::Pending(_)), is_pending, "{requirement}");
    }
    let ((no, _), (other, calls)) = (remote(Some(false)), remote(Some(true)));
    assert!(!is_met(&no.and(other), &json!({})));
    assert_eq!(calls.load(Ordering::SeqCst), 0, "the first check decides");
}

/// A formula over four facts. A fact is a role, or the result of a permission check.
#[derive(Clone, Debug)]
enum Formula {
    Fact { number: usize, is_remote: bool },
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

fn formula() -> impl Strategy<Value = Formula> {
    let fact =
        (0..4_usize, any::<bool>()).prop_map(|(number, is_remote)| Formula::Fact { number, is_remote });
    fact.prop_recursive(5, 32, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|one| Formula::Not(Box::new(one))),
            (inner.clone(), inner.clone())
                .prop_map(|(one, other)| Formula::And(Box::new(one), Box::new(other))),
            (inner.clone(), inner).prop_map(|(one, other)| Formula::Or(Box::new(one), Box::new(other))),
        ]
    })
}

impl Formula {
    fn requirement(&self, facts: [bool; 4]) -> Requirement {
        match self {
            Self::Fact { number, is_remote: true } => remote(Some(facts[*number])).0,
            Self::Fact { number, .. } => Requirement::role(number.to_string()),
            Self::Not(one) => !one.requirement(facts),
            Self::And(one, other) => one.requirement(facts).and(other.requirement(facts)),
            Self::Or(one, other) => one.requirement(facts).or(other.requirement(facts)),
        }
    }

    fn holds(&self, facts: [bool; 4]) -> bool {
        match self {
            Self::Fact { number, .. } => facts[*number],
            Self::Not(one) => !one.holds(facts),
            Self::And(one, other) => one.holds(facts) && other.holds(facts),
            Self::Or(one, other) => one.holds(facts) || other.holds(facts),
        }
    }
}

fn claims_of(facts: [bool; 4]) -> Value {
    let roles: Vec<_> = (0..4).filter(|number| facts[*number]).map(|number| number.to_string()).collect();
    json!({ "roles": roles })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn requirement_is_met_exactly_if_its_formula_holds(formula in formula(), facts in any::<[bool; 4]>()) {
        let requirement = formula.requirement(facts);
        prop_assert_eq!(is_met(&requirement, &claims_of(facts)), formula.holds(facts));
    }

    #[test]
    fn de_morgan_and_double_negation_hold(one in formula(), other in formula(), facts in any::<[bool; 4]>()) {
        let (a, b, claims) = (one.requirement(facts), other.requirement(facts), claims_of(facts));
        prop_assert_eq!(
            is_met(&!a.clone().and(b.clone()), &claims),
            is_met(&(!a.clone()).or(!b), &claims)
        );
        prop_assert_eq!(is_met(&!!a.clone(), &claims), is_met(&a, &claims));
    }

    /// A check that returns an error counts neither as true nor as false, in any formula.
    #[test]
    fn failed_check_never_grants_access(formula in formula(), facts in any::<[bool; 4]>()) {
        let outcome = decision(&with_failures(&formula), &request(&claims_of(facts), "/"));
        let (yes, no) = (with_results(&formula, facts, true), with_results(&formula, facts, false));
        match outcome {
            Ok(()) => prop_assert!(yes && no),
            Err(Rejection::PermissionCheckFailed) => {}
            Err(_) => prop_assert!(!yes && !no),
        }
    }
}

/// Returns the requirement of a formula. All permission checks of the requirement return an
/// error.
fn with_failures(formula: &Formula) -> Requirement {
    match formula {
        Formula::Fact { is_remote: true, .. } => remote(None).0,
        Formula::Fact { number, .. } => Requirement::role(number.to_string()),
        Formula::Not(one) => !with_failures(one),
        Formula::And(one, other) => with_failures(one).and(with_failures(other)),
        Formula::Or(one, other) => with_failures(one).or(with_failures(other)),
    }
}

/// Returns whether a formula holds if all permission checks return `result`.
fn with_results(formula: &Formula, facts: [bool; 4], result: bool) -> bool {
    match formula {
        Formula::Fact { is_remote: true, .. } => result,
        Formula::Fact { number, .. } => facts[*number],
        Formula::Not(one) => !with_results(one, facts, result),
        Formula::And(one, other) => with_results(one, facts, result) && with_results(other, facts, result),
        Formula::Or(one, other) => with_results(one, facts, result) || with_results(other, facts, result),
    }
}
