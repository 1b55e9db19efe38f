use super::*;

fn accepts(types: &TokenTypes, header: &str) -> bool {
    types.accept(HeaderMembers::read(header.as_bytes()).unwrap().typ)
}

fn listed(types: &[&str]) -> TokenTypes {
    TokenTypes::Listed(types.iter().map(|typ| (*typ).to_owned()).collect())
}

#[test]
fn access_token_may_lack_a_type() {
    for typ in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/JWT"] {
        assert!(accepts(&TokenTypes::AccessToken, &format!(r#"{{"typ":"{typ}"}}"#)), "{typ}");
    }
    assert!(accepts(&TokenTypes::AccessToken, "{}"));
    for typ in ["", "logout+jwt", "dpop+jwt", "application/okta-internal-at+jwt", "JWT ", "x/jwt"] {
        assert!(!accepts(&TokenTypes::AccessToken, &format!(r#"{{"typ":"{typ}"}}"#)), "{typ}");
    }
}

#[test]
fn listed_type_must_be_present_and_equal() {
    for own in ["at+jwt", "application/at+jwt"] {
        let types = listed(&[own]);
        for typ in ["at+jwt", "At+Jwt", "application/at+jwt", r"at\u002bjwt"] {
            assert!(accepts(&types, &format!(r#"{{"typ":"{typ}"}}"#)), "{own} {typ}");
        }
        assert!(!accepts(&types, "{}"));
        assert!(!accepts(&types, r#"{"typ":"JWT"}"#));
    }
    let several = listed(&["secevent+jwt", "jwt"]);
    assert!(accepts(&several, r#"{"typ":"JWT"}"#));
    assert!(!accepts(&several, r#"{"typ":"at+jwt"}"#));
}

#[test]
fn values_are_those_of_the_configuration() {
    assert_eq!(TokenTypes::AccessToken.values().collect::<Vec<_>>(), ["jwt", "at+jwt"]);
    assert_eq!(listed(&["a", "b"]).values().collect::<Vec<_>>(), ["a", "b"]);
}
