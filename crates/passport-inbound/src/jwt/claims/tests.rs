use super::*;

#[test]
fn claim_of_a_wrong_type_is_rejected() {
    for payload in [
        r#"{"exp":"1"}"#,
        r#"{"exp":null}"#,
        r#"{"nbf":true}"#,
        r#"{"iat":[1]}"#,
        r#"{"iss":["a"]}"#,
        r#"{"iss":null}"#,
        r#"{"sub":5}"#,
        r#"{"sub":null}"#,
        r#"{"aud":null}"#,
        r#"{"aud":5}"#,
        r#"{"aud":[["a"]]}"#,
        r#"{"aud":{"0":"a"}}"#,
        r#"{"tenant_id":{}}"#,
        r#"{"roles":[1]}"#,
        "[]",
        "\"\"",
    ] {
        assert!(Claims::parse(payload.as_bytes()).is_err(), "{payload}");
    }
}

#[test]
fn duplicate_member_is_rejected_in_any_spelling() {
    for payload in [
        r#"{"exp":1,"exp":2}"#,
        r#"{"exp":1,"\u0065xp":2}"#,
        r#"{"sub":"a","sub":"a"}"#,
        r#"{"x":1,"y":2,"x":3}"#,
        r#"{"x":1,"\u0078":3}"#,
    ] {
        assert!(Claims::parse(payload.as_bytes()).is_err(), "{payload}");
    }
}

#[test]
fn unread_members_must_be_well_formed() {
    let nested = |depth: usize| format!("{{\"x\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(Claims::parse(nested(100).as_bytes()).is_ok());
    for payload in [nested(10_000), nested(200), r#"{"x":1e999}"#.to_owned()] {
        assert!(Claims::parse(payload.as_bytes()).is_err());
    }
    for payload in [&b"{\"x\":\"\xff\"}"[..], b"{\"x\":{\"\xfa\":1}}", b"{\"\xfa\":1}", b"{\"x\":1}x"] {
        assert!(Claims::parse(payload).is_err());
    }
}

#[test]
fn is_service_account_counts_only_as_boolean_true() {
    let flag = |value: &str| {
        Claims::parse(format!(r#"{{"is_service_account":{value}}}"#).as_bytes()).unwrap().is_service_account
    };
    assert!(flag("true"));
    for value in ["false", "null", "1", r#""true""#, "[true]", r#"{"a":true}"#] {
        assert!(!flag(value), "{value}");
    }
    assert!(!Claims::parse(br#"{"Is_Service_Account":true}"#).unwrap().is_service_account);
}

#[test]
fn null_for_an_optional_claim_counts_as_absent() {
    for name in ["email", "name", "jti", "managed_identity_id", "roles", "permissions", "is_service_account"]
    {
        assert!(Claims::parse(format!(r#"{{"{name}":null}}"#).as_bytes()).is_ok(), "{name}");
    }
}

#[test]
fn single_audience_or_role_may_be_a_string() {
    let claims = Claims::parse(br#"{"aud":"a","roles":"r"}"#).unwrap();
    assert_eq!((claims.aud, claims.roles), (vec!["a".to_owned()], vec!["r".to_owned()]));
}

#[test]
fn each_list_claim_is_returned_by_its_name() {
    let claims = Claims::parse(br#"{"aud":["a","b"],"roles":["r"],"permissions":["p","q"]}"#).unwrap();
    assert_eq!(
        (claims.aud, claims.roles, claims.permissions),
        (owned(&["a", "b"]), owned(&["r"]), owned(&["p", "q"]))
    );
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn error_names_the_claim_and_the_expected_type() {
    let error = |payload: &str| Claims::parse(payload.as_bytes()).unwrap_err().to_string();
    let aud = error(r#"{"aud":5}"#);
    assert!(aud.contains("aud: invalid type: integer `5`, expected a string or a list of strings"), "{aud}");
}

#[test]
fn each_text_claim_is_returned_by_its_name() {
    let texts = |payload: &str| {
        let claims = Claims::parse(payload.as_bytes()).unwrap();
        let texts = [claims.iss(), claims.sub(), claims.tenant_id(), claims.email(), claims.name()];
        let ids = [claims.jti(), claims.managed_identity_id()];
        [&texts[..], &ids[..]].concat().into_iter().map(|text| text.map(str::to_owned)).collect::<Vec<_>>()
    };
    let all =
        r#"{"iss":"i","sub":"s","tenant_id":"t","email":"e","name":"n","jti":"j","managed_identity_id":"m"}"#;
    assert_eq!(texts(all), ["i", "s", "t", "e", "n", "j", "m"].map(|text| Some(text.to_owned())));
    assert_eq!(texts("{}"), [const { None }; 7]);
}

#[test]
fn size_counts_texts_and_lists() {
    let payload = br#"{"aud":"payroll","roles":["a","clerk of the payroll department"]}"#;
    let claims = Claims::parse(payload).unwrap();
    let lists = (claims.aud.capacity() + claims.roles.capacity()) * size_of::<String>();
    let longest = "clerk of the payroll department".len();
    assert_eq!(claims.size(), claims.texts.capacity() + lists + 16 + 16 + longest);
}

#[test]
fn ids_of_external_tokens_are_kept_whatever_is_wanted() {
    let payload = br#"{"sub":"s","sid":"1","oid":"o"}"#;
    for wanted in [WantedClaims::new([]), WantedClaims::new([&"sub".into(), &"sid".into()])] {
        let (claims, _) = Claims::parse_external(payload, &wanted).unwrap();
        assert_eq!((claims.token_sub(), claims.sid(), claims.sub()), (Some("s"), Some("1"), None));
    }
    let other = external(r#"{"sub":1,"sid":[]}"#).unwrap();
    assert_eq!((other.token_sub(), other.sid()), (None, None));
}

#[test]
fn session_of_a_passport_token_is_a_string() {
    assert_eq!(Claims::parse(br#"{"sid":"1"}"#).unwrap().sid(), Some("1"));
    assert_eq!(Claims::parse(br#"{"sid":null}"#).unwrap().sid(), None);
    assert!(Claims::parse(br#"{"sid":1}"#).is_err());
}

fn external(payload: &str) -> Result<Claims, serde_json::Error> {
    Claims::parse_external(payload.as_bytes(), &WantedClaims::new([])).map(|(claims, _)| claims)
}

#[test]
fn claims_of_passport_in_an_external_token_mean_nothing() {
    let claims = external(
        r#"{"iss":"i","sub":"s","tenant_id":"t","email":"e","name":"n","managed_identity_id":"m",
            "roles":["r"],"permissions":["p"],"is_service_account":true,"jti":"j"}"#,
    )
    .unwrap();
    assert_eq!((claims.iss(), claims.jti()), (Some("i"), Some("j")));
    assert_eq!([claims.sub(), claims.tenant_id(), claims.email(), claims.name()], [None; 4]);
    assert_eq!(claims.managed_identity_id(), None);
    assert!(claims.roles.is_empty() && claims.permissions.is_empty() && !claims.is_service_account);
}

#[test]
fn claims_of_passport_may_have_any_type_in_external_tokens() {
    for value in ["1", "null", "true", r#""x""#, "[1,{}]", r#"{"a":[{"b":null}]}"#] {
        for name in ["tenant_id", "managed_identity_id", "is_service_account", "permissions", "roles", "sub"]
        {
            let payload = format!(r#"{{"iss":"i","{name}":{value}}}"#);
            assert_eq!(external(&payload).unwrap().iss(), Some("i"), "{payload}");
        }
    }
}

#[test]
fn registered_claims_of_external_tokens_are_checked() {
    for payload in [
        r#"{"iss":null}"#,
        r#"{"iss":["i"]}"#,
        r#"{"aud":5}"#,
        r#"{"aud":null}"#,
        r#"{"exp":"1"}"#,
        r#"{"exp":null}"#,
        r#"{"nbf":true}"#,
        r#"{"iat":[1]}"#,
        r#"{"jti":1}"#,
        r#"{"iss":"i","iss":"i"}"#,
        r#"{"x":1,"y":2,"\u0078":3}"#,
        r#"{"x":{"a":1,"b":[}}"#,
        "[]",
        "{}x",
        "",
    ] {
        assert!(external(payload).is_err(), "{payload}");
    }
    assert!(external(r#"{"jti":null}"#).is_ok());
}

#[test]
fn external_tokens_of_other_types_are_recognized() {
    for name in ["nonce", "at_hash", "c_hash", "events"] {
        assert!(external(&format!(r#"{{"{name}":null}}"#)).unwrap().is_other_token_type, "{name}");
    }
    let bound = external(r#"{"cnf":{"jkt":"x"}}"#).unwrap();
    assert!(bound.is_sender_constrained && !bound.is_other_token_type);
}

#[test]
fn set_identity_replaces_all_claims_of_the_caller() {
    let mut claims = external(r#"{"iss":"i","sub":"theirs"}"#).unwrap();
    claims.set_identity(MappedIdentity {
        subject: "s",
        tenant: "t",
        email: None,
        name: Some("n"),
        roles: owned(&["r"]),
        has_unknown_roles: true,
        has_unknown_permissions: false,
        permissions: owned(&["p"]),
        is_service_account: true,
    });
    assert_eq!(
        [claims.iss(), claims.sub(), claims.tenant_id(), claims.email(), claims.name()],
        [Some("i"), Some("s"), Some("t"), None, Some("n")]
    );
    assert_eq!((claims.roles, claims.permissions), (owned(&["r"]), owned(&["p"])));
    assert!(claims.has_unknown_roles && claims.is_service_account);
}
