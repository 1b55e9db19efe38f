//! Decisions of requirements, and the laws of logic that they obey.

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

fn caller(claims: &Value) -> IdInfo {
    let payload = claims.to_string().into_bytes();
    IdInfo::new(Claims::parse(&payload).unwrap(), payload, std::time::UNIX_EPOCH)
}

fn request(claims: &Value, path: &str) -> Request<()> {
    let mut request = Request::get(path).body(()).unwrap();
    request.extensions_mut().insert(caller(claims));
    request
}

/// The decision after all permission checks.
fn verdict(requirement: &Requirement, request: &Request<()>) -> Result<(), Rejection> {
    match requirement.decide(RequestHead::of(request)) {
        Decision::Allow => Ok(()),
        Decision::Reject(rejection) => Err(rejection),
        Decision::Pending(asking) => asking.now_or_never().expect("these answer at once"),
    }
}

fn passes(requirement: &Requirement, claims: &Value) -> bool {
    passes_at(requirement, claims, "/")
}

fn passes_at(requirement: &Requirement, claims: &Value, path: &str) -> bool {
    match verdict(requirement, &request(claims, path)) {
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
            Requirement::check("is ada", |caller, _| caller.user_id() == "ada"),
            json!({ "sub": "ada" }),
            json!({ "sub": "eve" }),
        ),
    ] {
        assert!(passes(&requirement, &meets), "{requirement}: {meets}");
        assert!(!passes(&requirement, &does_not), "{requirement}: {does_not}");
        assert!(!passes(&!requirement.clone(), &meets), "not {requirement}: {meets}");
        assert!(passes(&!requirement.clone(), &does_not), "not {requirement}: {does_not}");
    }
}

#[test]
fn empty_list_of_roles_is_never_met() {
    let none: [&str; 0] = [];
    for requirement in [Requirement::any_role(none), Requirement::all_roles(none)] {
        assert!(!passes(&requirement, &json!({ "roles": ["admin"] })));
    }
}

#[test]
fn the_tenant_of_the_path_is_the_callers_own() {
    let own = Requirement::tenant_in_path("/tenants/{tenant}/{*rest}", "tenant").unwrap();
    let claims = json!({ "tenant_id": "t-1" });
    assert!(passes_at(&own, &claims, "/tenants/t-1/records"));
    assert!(!passes_at(&own, &claims, "/tenants/t-2/records"));
    assert!(!passes_at(&own, &claims, "/elsewhere"));
    for ambiguous in ["/tenants/t-1/../t-2/x", "/tenants/t-1/%2e%2e/t-2/x", "/tenants/t-1/..%2ft-2/x"] {
        let user = Requirement::user;
        for requirement in [own.clone(), !own.clone(), user().or(own.clone()), user().or(!own.clone())] {
            assert!(!passes_at(&requirement, &claims, ambiguous), "{requirement} {ambiguous}");
        }
        assert!(passes_at(&user(), &claims, ambiguous), "it does not read the path");
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
        oracle(Some(true)).0.and(!own()),
        !oracle(Some(true)).0.and(own()),
        oracle(Some(false)).0.or(!own()),
    ] {
        for path in ["/elsewhere", "/", "/tenants", "/tenants/t-1/x/y"] {
            assert!(!passes_at(&requirement, &claims, path), "{requirement} {path}");
        }
    }
    // What another part grants does not depend on the path.
    for grants in [met().or(own()), met().or(!own()), !unmet().and(own())] {
        assert!(passes_at(&grants, &claims, "/elsewhere"), "{grants}");
    }
    assert!(passes_at(&own().or(records), &claims, "/tenants/t-1/records"), "one of two patterns");
    assert!(passes_at(&!own(), &claims, "/tenants/t-2"), "the tenant of another");
    assert!(!passes_at(&!own(), &claims, "/tenants/t-1"), "the caller's own");
}

#[test]
fn check_sees_the_request() {
    let get =
        Requirement::check("a look", |_, request| request.method == "GET" && request.uri.path() == "/x");
    assert!(passes_at(&get, &json!({}), "/x"));
    assert!(!passes_at(&get, &json!({}), "/y"));
}

#[test]
fn request_without_identity_never_passes() {
    for requirement in [Requirement::service_account(), !Requirement::service_account()] {
        let mut request = Request::new(());
        assert_eq!(verdict(&requirement, &request), Err(Rejection::MissingAuthenticateLayer));
        request.extensions_mut().insert(Anonymous);
        assert_eq!(verdict(&requirement, &request), Err(Rejection::MissingCredentials));
    }
}

#[test]
fn requirement_is_displayed_as_text() {
    let requirement = Requirement::role("a").and(!Requirement::user()).or(Requirement::multi_factor());
    assert_eq!(requirement.to_string(), "((the role a and not a user) or a second factor)");
    assert_eq!(requirement, requirement.clone());
    assert_ne!(requirement, Requirement::role("a"));
}

/// Answers as it was told, and counts how often it was asked.
#[derive(Clone, Debug)]
struct Oracle {
    answer: Option<bool>,
    asked: Arc<AtomicUsize>,
}

impl PermissionChecker for Oracle {
    async fn check(&self, _: &IdInfo, _: &str) -> Result<bool, PermissionCheckError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.answer.ok_or_else(|| PermissionCheckError::new("the oracle is silent"))
    }
}

fn oracle(answer: Option<bool>) -> (Requirement, Arc<AtomicUsize>) {
    let oracle = Oracle { answer, asked: Arc::default() };
    (Requirement::remote_permission(oracle.clone(), "x.read"), oracle.asked)
}

#[test]
fn permission_check_decides_and_an_error_rejects() {
    let decide = |answer, not: bool| {
        let requirement = oracle(answer).0;
        let requirement = if not { !requirement } else { requirement };
        verdict(&requirement, &request(&json!({}), "/")).map_err(|rejection| rejection.status().as_u16())
    };
    assert_eq!([decide(Some(true), false), decide(Some(false), false)], [Ok(()), Err(403)]);
    assert_eq!([decide(Some(true), true), decide(Some(false), true)], [Err(403), Ok(())]);
    assert_eq!([decide(None, false), decide(None, true)], [Err(503), Err(503)]);
}

#[test]
fn failed_check_is_ignored_if_the_other_part_decides() {
    let failed = || oracle(None).0;
    assert!(passes(&failed().or(oracle(Some(true)).0), &json!({})));
    assert!(!passes(&failed().and(oracle(Some(false)).0), &json!({})));
}

#[test]
fn require_service_is_ready_when_its_inner_service_is() {
    assert_ready_with_inner_service(&RequireLayer::new(Requirement::user()));
}

#[test]
fn check_is_skipped_if_its_result_changes_nothing() {
    let (met, unmet) = (Requirement::user(), Requirement::service_account());
    for (combine, asks) in [
        (unmet.clone().and(oracle(None).0), false),
        (oracle(None).0.and(unmet.clone()), false),
        (met.clone().or(oracle(None).0), false),
        (oracle(None).0.or(met.clone()), false),
        (oracle(None).0.and(met), true),
        (oracle(None).0.or(unmet), true),
    ] {
        let request = request(&json!({}), "/");
        let looked = combine.decide(RequestHead::of(&request));
        assert_eq!(matches!(looked, Decision::Pending(_)), asks, "{combine}");
    }
    let ((no, _), (other, asked)) = (oracle(Some(false)), oracle(Some(true)));
    assert!(!passes(&no.and(other), &json!({})));
    assert_eq!(asked.load(Ordering::SeqCst), 0, "the first answer was enough");
}

/// A formula over four facts, of which some are known at once and others have to be asked for.
#[derive(Clone, Debug)]
enum Formula {
    Fact { number: usize, is_asked_for: bool },
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

fn formula() -> impl Strategy<Value = Formula> {
    let fact =
        (0..4_usize, any::<bool>()).prop_map(|(number, is_asked_for)| Formula::Fact { number, is_asked_for });
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
            Self::Fact { number, is_asked_for: true } => oracle(Some(facts[*number])).0,
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
    fn a_requirement_holds_exactly_if_its_formula_does(formula in formula(), facts in any::<[bool; 4]>()) {
        let requirement = formula.requirement(facts);
        prop_assert_eq!(passes(&requirement, &claims_of(facts)), formula.holds(facts));
    }

    #[test]
    fn de_morgan_and_double_negation_hold(one in formula(), other in formula(), facts in any::<[bool; 4]>()) {
        let (a, b, claims) = (one.requirement(facts), other.requirement(facts), claims_of(facts));
        prop_assert_eq!(
            passes(&!a.clone().and(b.clone()), &claims),
            passes(&(!a.clone()).or(!b), &claims)
        );
        prop_assert_eq!(passes(&!!a.clone(), &claims), passes(&a, &claims));
    }

    /// Whatever stands around it, a silent oracle is worth neither yes nor no.
    #[test]
    fn unanswered_check_never_grants_access(formula in formula(), facts in any::<[bool; 4]>()) {
        let outcome = verdict(&silenced(&formula), &request(&claims_of(facts), "/"));
        let (yes, no) = (with_answers(&formula, facts, true), with_answers(&formula, facts, false));
        match outcome {
            Ok(()) => prop_assert!(yes && no),
            Err(Rejection::PermissionCheckFailed) => {}
            Err(_) => prop_assert!(!yes && !no),
        }
    }
}

/// All that is asked for has no answer.
fn silenced(formula: &Formula) -> Requirement {
    match formula {
        Formula::Fact { is_asked_for: true, .. } => oracle(None).0,
        Formula::Fact { number, .. } => Requirement::role(number.to_string()),
        Formula::Not(one) => !silenced(one),
        Formula::And(one, other) => silenced(one).and(silenced(other)),
        Formula::Or(one, other) => silenced(one).or(silenced(other)),
    }
}

/// Whether it holds if all that is asked for has this answer.
fn with_answers(formula: &Formula, facts: [bool; 4], answer: bool) -> bool {
    match formula {
        Formula::Fact { is_asked_for: true, .. } => answer,
        Formula::Fact { number, .. } => facts[*number],
        Formula::Not(one) => !with_answers(one, facts, answer),
        Formula::And(one, other) => with_answers(one, facts, answer) && with_answers(other, facts, answer),
        Formula::Or(one, other) => with_answers(one, facts, answer) || with_answers(other, facts, answer),
    }
}
