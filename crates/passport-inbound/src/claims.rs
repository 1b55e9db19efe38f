//! The claims of a token, read strictly. What they are worth is decided in `policy`.

use serde::{Deserialize, de::IgnoredAny};

use crate::{
    RejectionReason,
    json::{self, NumericDate},
};

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Claims {
    #[serde(default, deserialize_with = "json::present")]
    pub(crate) iss: Option<String>,
    #[serde(default, deserialize_with = "json::one_or_many")]
    pub(crate) aud: Vec<String>,
    #[serde(default, deserialize_with = "json::present")]
    pub(crate) exp: Option<NumericDate>,
    #[serde(default, deserialize_with = "json::present")]
    pub(crate) nbf: Option<NumericDate>,
    #[serde(default, deserialize_with = "json::present")]
    pub(crate) iat: Option<NumericDate>,
    #[serde(default, deserialize_with = "json::present")]
    pub(crate) sub: Option<String>,
    #[serde(default, deserialize_with = "json::present")]
    pub(crate) tenant_id: Option<String>,

    // Nothing depends on these being there, so `null` is as good as nothing.
    pub(crate) email: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) jti: Option<String>,
    pub(crate) managed_identity_id: Option<String>,
    #[serde(default, deserialize_with = "json::any_number")]
    pub(crate) roles: Vec<String>,
    #[serde(default, deserialize_with = "json::any_number")]
    pub(crate) permissions: Vec<String>,
    #[serde(default, deserialize_with = "json::exactly_true")]
    pub(crate) is_service_account: bool,

    // The marks of tokens that are no plain access tokens.
    #[serde(default, deserialize_with = "json::present")]
    nonce: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "json::present")]
    at_hash: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "json::present")]
    c_hash: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "json::present")]
    events: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "json::present")]
    cnf: Option<IgnoredAny>,
}

impl Claims {
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, RejectionReason> {
        json::object(payload).ok_or(RejectionReason::Malformed)
    }

    /// An ID token or a logout token: Passport gives them the issuer, the key and the audience of an access token.
    pub(crate) fn is_of_another_kind(&self) -> bool {
        [&self.nonce, &self.at_hash, &self.c_hash, &self.events].into_iter().any(Option::is_some)
    }

    /// Bound to a key of the client ([RFC 7800](https://www.rfc-editor.org/rfc/rfc7800#section-3)).
    pub(crate) fn is_bound(&self) -> bool {
        self.cnf.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_type_is_never_taken_for_an_absence() {
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
    fn a_member_that_stands_twice_is_refused_however_it_is_spelled() {
        for payload in [r#"{"exp":1,"exp":2}"#, r#"{"exp":1,"\u0065xp":2}"#, r#"{"sub":"a","sub":"a"}"#] {
            assert!(Claims::parse(payload.as_bytes()).is_err(), "{payload}");
        }
    }

    #[test]
    fn only_the_boolean_true_makes_a_service_account() {
        let flag = |value: &str| {
            Claims::parse(format!(r#"{{"is_service_account":{value}}}"#).as_bytes())
                .unwrap()
                .is_service_account
        };
        assert!(flag("true"));
        for value in ["false", "null", "1", r#""true""#, "[true]", r#"{"a":true}"#] {
            assert!(!flag(value), "{value}");
        }
        assert!(!Claims::parse(br#"{"Is_Service_Account":true}"#).unwrap().is_service_account);
    }

    #[test]
    fn null_for_what_nothing_depends_on_is_as_good_as_nothing() {
        for name in
            ["email", "name", "jti", "managed_identity_id", "roles", "permissions", "is_service_account"]
        {
            assert!(Claims::parse(format!(r#"{{"{name}":null}}"#).as_bytes()).is_ok(), "{name}");
        }
    }

    #[test]
    fn one_audience_or_role_may_stand_without_a_list() {
        let claims = Claims::parse(br#"{"aud":"a","roles":"r"}"#).unwrap();
        assert_eq!((claims.aud, claims.roles), (vec!["a".to_owned()], vec!["r".to_owned()]));
    }
}
