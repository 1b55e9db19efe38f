//! Requirements of callers with unknown roles never grant what some roles would refuse.

use super::*;

/// A formula over roles, as data.
#[derive(Clone, Debug)]
enum Formula {
    Role(u8),
    All(Vec<u8>),
    Tenant(bool),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

impl Formula {
    fn random(depth: u32) -> Self {
        let inner = || Box::new(Self::random(depth - 1));
        match if depth == 0 { fastrand::u8(..3) } else { fastrand::u8(..7) } {
            0 | 3 => Self::Role(fastrand::u8(..3)),
            1 => Self::All((0..fastrand::u8(..3)).map(|_| fastrand::u8(..3)).collect()),
            2 => Self::Tenant(fastrand::bool()),
            4 => Self::Not(inner()),
            5 => Self::And(inner(), inner()),
            _ => Self::Or(inner(), inner()),
        }
    }

    fn holds(&self, roles: &[u8]) -> bool {
        match self {
            Self::Role(role) => roles.contains(role),
            Self::All(all) => !all.is_empty() && all.iter().all(|role| roles.contains(role)),
            Self::Tenant(is_own) => *is_own,
            Self::Not(one) => !one.holds(roles),
            Self::And(one, other) => one.holds(roles) && other.holds(roles),
            Self::Or(one, other) => one.holds(roles) || other.holds(roles),
        }
    }

    fn requirement(&self) -> Requirement {
        match self {
            Self::Role(role) => Requirement::role(role.to_string()),
            Self::All(all) => Requirement::all_roles(all.iter().map(ToString::to_string)),
            Self::Tenant(is_own) => Requirement::tenant(if *is_own { "contoso" } else { "other" }),
            Self::Not(one) => !one.requirement(),
            Self::And(one, other) => one.requirement().and(other.requirement()),
            Self::Or(one, other) => one.requirement().or(other.requirement()),
        }
    }
}

#[test]
fn unknown_roles_never_grant_what_some_roles_would_refuse() {
    let map = ClaimMap::new().roles_from(["groups", "roles"]).keep_unmapped_roles();
    let verifier = trusting([external(ALPHA, "alpha", 0, "k").claims(map)]).build().unwrap();
    let callers: Vec<(Vec<u8>, IdInfo)> = (0..8_u8)
        .map(|set| {
            let roles: Vec<u8> = (0..3).filter(|role| set & (1 << role) != 0).collect();
            let mut claims = claims_with(ALPHA, "_claim_names", json!({ "groups": "src1" }));
            claims["roles"] = json!(roles.iter().map(ToString::to_string).collect::<Vec<_>>());
            let caller = verify(&verifier, &test_key(0).token("k", &claims)).unwrap();
            assert!(!caller.roles_known());
            (roles, caller)
        })
        .collect();
    fastrand::seed(7);
    let mut granted = 0;
    for _ in 0..20_000 {
        let formula = Formula::random(5);
        let requirement = formula.requirement();
        for (known, caller) in &callers {
            if is_met(&requirement, caller) {
                granted += 1;
                for more in 0..8_u8 {
                    let mut all: Vec<u8> = (0..3).filter(|role| more & (1 << role) != 0).collect();
                    all.extend(known);
                    assert!(
                        formula.holds(&all),
                        "{requirement} granted with {known:?}, but not with {all:?}"
                    );
                }
            }
        }
    }
    assert!(granted > 1000, "{granted}");
}

/// A formula over roles (0 to 2) and checks (3 and 4).
fn checked(formula: &Formula, checks: [Option<bool>; 2]) -> Requirement {
    match formula {
        Formula::Role(role @ 3..) => {
            Requirement::remote_permission(Scripted(checks[usize::from(role - 3)]), "p")
        }
        Formula::Role(role) => Requirement::role(role.to_string()),
        Formula::Not(one) => !checked(one, checks),
        Formula::And(one, other) => checked(one, checks).and(checked(other, checks)),
        Formula::Or(one, other) => checked(one, checks).or(checked(other, checks)),
        other => other.requirement(),
    }
}

fn with_checks(depth: u32) -> Formula {
    let inner = || Box::new(with_checks(depth - 1));
    match if depth == 0 { 0 } else { fastrand::u8(..4) } {
        0 => Formula::Role(fastrand::u8(..5)),
        1 => Formula::Not(inner()),
        2 => Formula::And(inner(), inner()),
        _ => Formula::Or(inner(), inner()),
    }
}

#[test]
fn unknown_roles_and_failed_checks_never_grant_access() {
    let map = ClaimMap::new().roles_from(["groups", "roles"]).keep_unmapped_roles();
    let verifier = trusting([external(ALPHA, "alpha", 0, "k").claims(map)]).build().unwrap();
    let mut claims = claims_with(ALPHA, "_claim_names", json!({ "groups": "src1" }));
    claims["roles"] = json!(["0"]);
    let caller = verify(&verifier, &test_key(0).token("k", &claims)).unwrap();
    let mut request = Request::new(());
    request.extensions_mut().insert(caller);
    fastrand::seed(9);
    let mut granted = 0;
    for _ in 0..20_000 {
        let formula = with_checks(5);
        let choices = [None, Some(false), Some(true)];
        let checks = [choices[fastrand::usize(..3)], choices[fastrand::usize(..3)]];
        let requirement = checked(&formula, checks);
        let is_allowed = match requirement.decide(RequestHead::of(&request)) {
            Decision::Allow => true,
            Decision::Reject(_) => false,
            Decision::Pending(future) => futures_util::FutureExt::now_or_never(future).unwrap().is_ok(),
        };
        if !is_allowed {
            continue;
        }
        granted += 1;
        for world in 0..16_u8 {
            let mut holding = vec![0];
            holding.extend((1..3).filter(|role| world & (1 << role) != 0));
            let is_true = |check: usize, bit: u8| checks[check].unwrap_or(world & bit != 0);
            holding.extend(is_true(0, 1).then_some(3));
            holding.extend(is_true(1, 8).then_some(4));
            assert!(formula.holds(&holding), "{requirement} {checks:?} {holding:?}");
        }
    }
    assert!(granted > 500, "{granted}");
}
