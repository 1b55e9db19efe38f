use super::*;
use crate::jwt::{claim_value::WantedClaims, claims::Claims};

fn values(map: &ClaimMap, payload: &str) -> ClaimValues {
    Claims::parse_external(payload.as_bytes(), &WantedClaims::new(map.claim_paths())).unwrap().1
}

/// Returns the error of a token with these claims, or the roles of the caller.
fn roles(map: &ClaimMap, payload: &str) -> Result<Vec<String>, RejectionReason> {
    map.apply(&values(map, payload), "t").map(|caller| caller.roles)
}

#[test]
fn default_map_reads_subject_email_and_name() {
    let map = ClaimMap::new();
    let claims = values(&map, r#"{"sub":"s","email":"e","name":"n","roles":["r"],"permissions":["p"]}"#);
    let caller = map.apply(&claims, "t").unwrap();
    assert_eq!((caller.subject, caller.tenant), ("s", "t"));
    assert_eq!((caller.email, caller.name), (Some("e"), Some("n")));
    assert!(caller.roles.is_empty() && caller.permissions.is_empty());
    assert!(!caller.is_service_account && !caller.has_unknown_roles);
}

#[test]
fn token_without_the_subject_is_rejected() {
    let map = ClaimMap::new().subject("oid");
    for payload in ["{}", r#"{"sub":"s"}"#, r#"{"oid":null}"#, r#"{"oid":""}"#, r#"{"oid":" \t"}"#] {
        assert_eq!(roles(&map, payload), Err(RejectionReason::SubjectUnresolved), "{payload}");
    }
    for payload in [r#"{"oid":1}"#, r#"{"oid":["a"]}"#, r#"{"oid":{"a":"b"}}"#] {
        assert_eq!(roles(&map, payload), Err(RejectionReason::Malformed), "{payload}");
    }
}

#[test]
fn first_email_that_is_not_blank_is_used() {
    let map = ClaimMap::new().email(["email", "upn", "profile.mail"]).display_name(["nick"]);
    let email = |payload: &str| {
        let claims = values(&map, payload);
        map.apply(&claims, "t").map(|caller| caller.email.map(str::to_owned))
    };
    let some = |text: &str| Ok(Some(text.to_owned()));
    assert_eq!(email(r#"{"sub":"s","email":"a","upn":"b"}"#), some("a"));
    assert_eq!(email(r#"{"sub":"s","email":" ","upn":"b"}"#), some("b"));
    assert_eq!(email(r#"{"sub":"s","email":null,"profile":{"mail":"c"}}"#), some("c"));
    assert_eq!(email(r#"{"sub":"s","name":"n"}"#), Ok(None));
    assert_eq!(email(r#"{"sub":"s","email":5}"#), Err(RejectionReason::Malformed));
}

#[test]
fn unmapped_group_gives_no_role() {
    let map = ClaimMap::new().roles_from(["groups"]).role("clerks", "orders.clerk");
    assert_eq!(roles(&map, r#"{"sub":"s","groups":["clerks","orders.admin"]}"#).unwrap(), ["orders.clerk"]);
    assert_eq!(roles(&map, r#"{"sub":"s","groups":["Clerks","clerks "]}"#).unwrap(), [""; 0]);
    assert_eq!(roles(&map, r#"{"sub":"s","groups":"clerks"}"#).unwrap(), ["orders.clerk"]);
    assert_eq!(roles(&map, r#"{"sub":"s","groups":"clerks admins"}"#).unwrap(), [""; 0]);
    assert_eq!(roles(&map, r#"{"sub":"s","roles":["clerks"]}"#).unwrap(), [""; 0]);
    for malformed in ["1", "true", r#"["clerks",1]"#, r#"{"clerks":true}"#] {
        let payload = format!(r#"{{"sub":"s","groups":{malformed}}}"#);
        assert_eq!(roles(&map, &payload), Err(RejectionReason::Malformed), "{malformed}");
    }
}

#[test]
fn roles_of_several_claims_have_no_duplicates() {
    let map = ClaimMap::new()
        .roles_from(["realm_access.roles", "groups"])
        .roles([("clerks", "clerk"), ("/clerks", "clerk")])
        .keep_unmapped_roles();
    let payload = r#"{"sub":"s","realm_access":{"roles":["clerks","a"]},"groups":["/clerks","a","b"]}"#;
    assert_eq!(roles(&map, payload).unwrap(), ["clerk", "a", "b"]);
}

#[test]
fn permissions_are_a_list_or_a_text_with_spaces() {
    let map = ClaimMap::new().permissions_from("scp");
    let permissions = |payload: &str| {
        let claims = values(&map, payload);
        map.apply(&claims, "t").map(|caller| caller.permissions)
    };
    assert_eq!(permissions(r#"{"sub":"s","scp":"read  write"}"#).unwrap(), ["read", "write"]);
    assert_eq!(permissions(r#"{"sub":"s","scp":["read all"]}"#).unwrap(), ["read all"]);
    assert_eq!(permissions(r#"{"sub":"s","permissions":["p"]}"#).unwrap(), [""; 0]);
    assert_eq!(permissions(r#"{"sub":"s","scp":[1]}"#), Err(RejectionReason::Malformed));
}

#[test]
fn overage_is_not_no_roles() {
    let overage = r#"{"sub":"s","roles":["a"],"_claim_names":{"groups":"src1"}}"#;
    let is_unknown = |map: ClaimMap, payload: &str| {
        let claims = values(&map, payload);
        map.apply(&claims, "t").unwrap().has_unknown_roles
    };
    assert!(is_unknown(ClaimMap::new().roles_from(["roles", "groups"]), overage));
    assert!(is_unknown(ClaimMap::new().roles_from(["groups"]), r#"{"sub":"s","hasgroups":true}"#));
    assert!(is_unknown(ClaimMap::new().roles_from(["groups.x"]), overage));
    assert!(!is_unknown(ClaimMap::new().roles_from(["roles"]), overage), "no claim that is read is omitted");
    assert!(!is_unknown(ClaimMap::new(), overage));
}

#[test]
fn only_a_condition_makes_a_service_account() {
    let payload = r#"{"sub":"s","is_service_account":true,"idtyp":"app"}"#;
    let is_service = |map: ClaimMap| {
        let claims = values(&map, payload);
        map.apply(&claims, "t").unwrap().is_service_account
    };
    assert!(!is_service(ClaimMap::new()));
    assert!(is_service(ClaimMap::new().service_account(ClaimCondition::equals("idtyp", "app"))));
    assert!(!is_service(ClaimMap::new().service_account(ClaimCondition::equals("idtyp", "user"))));
}

#[test]
fn maps_with_equal_data_are_equal() {
    let map = || ClaimMap::new().subject("oid").roles_from(["groups"]).role("a", "b").role("c", "d");
    let other_order = ClaimMap::new().roles_from(["groups"]).roles([("c", "d"), ("a", "b")]).subject("oid");
    assert_eq!(map(), other_order);
    assert_ne!(map(), map().role("a", "e"));
    assert_ne!(map(), map().keep_unmapped_roles());
}

#[test]
fn mapping_of_one_claim_does_not_apply_to_another() {
    let map = ClaimMap::new()
        .role_from("roles", "Admin", "orders.admin")
        .role_from("groups", "Clerks", "orders.clerk")
        .role("Admin", "orders.reader");
    let of = |payload: &str| roles(&map, payload).unwrap();
    assert_eq!(of(r#"{"sub":"s","roles":["Admin"]}"#), ["orders.admin"]);
    assert_eq!(of(r#"{"sub":"s","groups":["Admin", "Clerks"]}"#), ["orders.reader", "orders.clerk"]);
    assert_eq!(of(r#"{"sub":"s","roles":["Clerks"]}"#), [""; 0]);
}
