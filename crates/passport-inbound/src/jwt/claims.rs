//! The claims of a token, read strictly and once. What they are worth is decided in `policy`.

use std::{borrow::Cow, fmt, ops::Range};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};

use crate::jwt::json::{self, ExactlyTrue, NumericDate, OneOrMany, Skipped};

/// What the texts of most tokens take together, in bytes.
const INITIAL_CAPACITY: usize = 256;

#[derive(Clone, Debug, Default)]
pub(crate) struct Claims {
    /// The texts of the claims that have one each, one after another: one allocation instead of seven.
    texts: String,
    iss: TextRange,
    sub: TextRange,
    tenant_id: TextRange,
    email: TextRange,
    name: TextRange,
    jti: TextRange,
    managed_identity_id: TextRange,

    pub(crate) aud: Vec<String>,
    pub(crate) exp: Option<NumericDate>,
    pub(crate) nbf: Option<NumericDate>,
    pub(crate) iat: Option<NumericDate>,
    pub(crate) roles: Vec<String>,
    pub(crate) permissions: Vec<String>,
    pub(crate) is_service_account: bool,

    /// It has a mark of an ID token or a logout token: Passport gives them the issuer, the key and the audience of an access
    /// token.
    pub(crate) is_of_another_kind: bool,
    /// Bound to a key of the client ([RFC 7800](https://www.rfc-editor.org/rfc/rfc7800#section-3)).
    pub(crate) is_bound: bool,
}

/// Where a claim stands among the texts, if it is there.
type TextRange = Option<Range<usize>>;

impl Claims {
    /// Reads a JSON object. No member may stand twice, known or not: another reader might believe the other one.
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, serde_json::Error> {
        json::object(payload)
    }

    pub(crate) fn iss(&self) -> Option<&str> {
        self.text(&self.iss)
    }

    pub(crate) fn sub(&self) -> Option<&str> {
        self.text(&self.sub)
    }

    pub(crate) fn tenant_id(&self) -> Option<&str> {
        self.text(&self.tenant_id)
    }

    pub(crate) fn email(&self) -> Option<&str> {
        self.text(&self.email)
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.text(&self.name)
    }

    pub(crate) fn jti(&self) -> Option<&str> {
        self.text(&self.jti)
    }

    pub(crate) fn managed_identity_id(&self) -> Option<&str> {
        self.text(&self.managed_identity_id)
    }

    fn text(&self, place: &TextRange) -> Option<&str> {
        self.texts.get(place.clone()?)
    }

    fn push(&mut self, Text(text): Text<'_>) -> TextRange {
        let start = self.texts.len();
        self.texts.push_str(&text);
        Some(start..self.texts.len())
    }

    /// How much memory its texts take, in bytes.
    pub(crate) fn size(&self) -> usize {
        let lists = [&self.aud, &self.roles, &self.permissions];
        let each = lists.iter().flat_map(|list| list.iter());
        let places = lists.iter().map(|list| list.capacity() * size_of::<String>()).sum::<usize>();
        // No allocation is smaller than this, whatever it is for.
        self.texts.capacity() + places + each.map(|text| text.capacity().max(16)).sum::<usize>()
    }

    /// Reads the value of the member `name`.
    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            // What is decided by: `null` is a value of the wrong type, not an absence.
            "iss" => self.iss = self.push(map.next_value()?),
            "aud" => self.aud = map.next_value::<OneOrMany>()?.0,
            "exp" => self.exp = Some(map.next_value()?),
            "nbf" => self.nbf = Some(map.next_value()?),
            "iat" => self.iat = Some(map.next_value()?),
            "sub" => self.sub = self.push(map.next_value()?),
            "tenant_id" => self.tenant_id = self.push(map.next_value()?),
            // Nothing depends on these being there, so `null` is as good as nothing.
            "email" => self.email = map.next_value::<Option<_>>()?.and_then(|text| self.push(text)),
            "name" => self.name = map.next_value::<Option<_>>()?.and_then(|text| self.push(text)),
            "jti" => self.jti = map.next_value::<Option<_>>()?.and_then(|text| self.push(text)),
            "managed_identity_id" => {
                self.managed_identity_id = map.next_value::<Option<_>>()?.and_then(|text| self.push(text));
            }
            "roles" => self.roles = map.next_value::<Option<OneOrMany>>()?.unwrap_or_default().0,
            "permissions" => self.permissions = map.next_value::<Option<OneOrMany>>()?.unwrap_or_default().0,
            "is_service_account" => self.is_service_account = map.next_value::<ExactlyTrue>()?.0,
            "nonce" | "at_hash" | "c_hash" | "events" => {
                self.is_of_another_kind = true;
                map.next_value::<Skipped>()?;
            }
            "cnf" => {
                self.is_bound = true;
                map.next_value::<Skipped>()?;
            }
            _ => {
                map.next_value::<Skipped>()?;
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ClaimsVisitor;

        impl<'de> Visitor<'de> for ClaimsVisitor {
            type Value = Claims;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of claims")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Claims, A::Error> {
                let mut claims =
                    Claims { texts: String::with_capacity(INITIAL_CAPACITY), ..Claims::default() };
                let mut names = Vec::with_capacity(16);
                while let Some(Text(name)) = map.next_key()? {
                    claims
                        .read(&name, &mut map)
                        .map_err(|error| A::Error::custom(format_args!("{name}: {error}")))?;
                    names.push(name);
                }
                names.sort_unstable();
                if names.windows(2).any(|pair| pair[0] == pair[1]) {
                    return Err(A::Error::custom("a member stands twice"));
                }
                Ok(claims)
            }
        }

        deserializer.deserialize_map(ClaimsVisitor)
    }
}

/// A name or a text; borrowed from the payload unless it has escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

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
    fn what_nobody_looks_at_must_be_well_formed_too() {
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
