//! Parses the claims of a token. Rejects duplicate members and values of a wrong type.
//! `validation` checks the values.

use std::{borrow::Cow, fmt, ops::Range};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, MapAccess, Visitor},
};

use crate::jwt::{
    claim_value::{ClaimValue, ClaimValues, Nullable, WantedClaims},
    json::{self, Flag, NumericDate, OneOrMany, Skipped},
};

/// The initial capacity of the buffer for text claims, in bytes. The text claims of most tokens
/// fit into the buffer.
const INITIAL_CAPACITY: usize = 256;

/// The claims of a token that this crate reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claims {
    /// The values of all text claims, concatenated: one allocation instead of seven.
    texts: String,
    iss: TextRange,
    sub: TextRange,
    tenant_id: TextRange,
    email: TextRange,
    name: TextRange,
    jti: TextRange,
    sid: TextRange,
    /// The claim `sub` of an external issuer's token, if it is a string. `sub` is the subject by
    /// the claim map.
    token_sub: TextRange,
    managed_identity_id: TextRange,

    pub(crate) aud: Vec<String>,
    pub(crate) exp: Option<NumericDate>,
    pub(crate) nbf: Option<NumericDate>,
    pub(crate) iat: Option<NumericDate>,
    pub(crate) roles: Vec<String>,
    pub(crate) permissions: Vec<String>,
    /// Whether the issuer has left a claim with roles out of the token, so that `roles` is not
    /// complete.
    pub(crate) has_unknown_roles: bool,
    /// The same for `permissions`.
    pub(crate) has_unknown_permissions: bool,
    pub(crate) is_service_account: bool,

    /// Whether a claim marks an ID token or a logout token. Passport issues such tokens with the
    /// same issuer, key and audience as access tokens.
    pub(crate) is_other_token_type: bool,
    /// Whether `cnf` binds the token to a key of the client
    /// ([RFC 7800](https://www.rfc-editor.org/rfc/rfc7800#section-3)).
    pub(crate) is_sender_constrained: bool,
}

/// The caller that a claim map finds in the claims of an external issuer's token.
#[derive(Debug)]
pub(crate) struct MappedIdentity<'a> {
    pub(crate) subject: &'a str,
    pub(crate) tenant: &'a str,
    pub(crate) email: Option<&'a str>,
    pub(crate) name: Option<&'a str>,
    pub(crate) roles: Vec<String>,
    pub(crate) has_unknown_roles: bool,
    pub(crate) permissions: Vec<String>,
    pub(crate) has_unknown_permissions: bool,
    pub(crate) is_service_account: bool,
}

/// The byte range of a claim in `texts`. `None` if the token does not have the claim.
type TextRange = Option<Range<usize>>;

impl Claims {
    /// Parses a JSON object. A duplicate member, known or unknown, is an error, because another
    /// parser might use the other one of the two values.
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, serde_json::Error> {
        json::object(payload)
    }

    /// Parses the payload of an external issuer's token. Reads the registered claims, except `sub`,
    /// and returns the values of the claims in `wanted`.
    /// [`set_identity`](Self::set_identity) then sets the other claims.
    pub(crate) fn parse_external(
        payload: &[u8],
        wanted: &WantedClaims,
    ) -> Result<(Self, ClaimValues), serde_json::Error> {
        json::object_with(payload, ExternalClaims(wanted))
    }

    /// Parses only the claims that have the same meaning in the tokens of all issuers.
    pub(crate) fn parse_registered(payload: &[u8]) -> Result<Self, serde_json::Error> {
        Self::parse_external(payload, &WantedClaims::default()).map(|(claims, _)| claims)
    }

    /// Sets the claims that describe the caller.
    pub(crate) fn set_identity(&mut self, identity: MappedIdentity<'_>) {
        let text = |text| TextClaim(Cow::Borrowed(text));
        self.sub = self.push(Some(text(identity.subject)));
        self.tenant_id = self.push(Some(text(identity.tenant)));
        self.email = self.push(identity.email.map(text));
        self.name = self.push(identity.name.map(text));
        self.roles = identity.roles;
        self.has_unknown_roles = identity.has_unknown_roles;
        self.permissions = identity.permissions;
        self.has_unknown_permissions = identity.has_unknown_permissions;
        self.is_service_account = identity.is_service_account;
    }

    /// Sets `iss` if it is missing.
    pub(crate) fn set_missing_iss(&mut self, iss: &str) {
        if self.iss.is_none() {
            self.iss = self.push(Some(TextClaim(Cow::Borrowed(iss))));
        }
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

    /// Returns the id of the session in which the token was issued.
    pub(crate) fn sid(&self) -> Option<&str> {
        self.text(&self.sid)
    }

    /// Returns the claim `sub` of an external issuer's token.
    pub(crate) fn token_sub(&self) -> Option<&str> {
        self.text(&self.token_sub)
    }

    pub(crate) fn managed_identity_id(&self) -> Option<&str> {
        self.text(&self.managed_identity_id)
    }

    /// Returns the text of the claim with this range in `texts`. Returns `None` if the token does
    /// not have the claim.
    fn text(&self, range: &TextRange) -> Option<&str> {
        self.texts.get(range.clone()?)
    }

    /// Appends the text of a claim to `texts`, and returns the range of the text. Returns `None` if
    /// the token does not have the claim.
    fn push(&mut self, claim: Option<TextClaim<'_>>) -> TextRange {
        let TextClaim(text) = claim?;
        let start = self.texts.len();
        self.texts.push_str(&text);
        Some(start..self.texts.len())
    }

    /// Returns the memory that the claims occupy on the heap, in bytes.
    pub(crate) fn size(&self) -> usize {
        let lists = [&self.aud, &self.roles, &self.permissions];
        let each = lists.iter().flat_map(|list| list.iter());
        let elements = lists.iter().map(|list| list.capacity() * size_of::<String>()).sum::<usize>();
        // An allocation takes at least 16 bytes.
        self.texts.capacity() + elements + each.map(|text| text.capacity().max(16)).sum::<usize>()
    }

    /// Parses the value of the member `name` of a token of Passport, and stores it in the field of
    /// that claim.
    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            // Claims that are validated: `null` has the wrong type and does not count as absent.
            "sub" => self.sub = self.push(Some(map.next_value()?)),
            "tenant_id" => self.tenant_id = self.push(Some(map.next_value()?)),
            // Optional claims: `null` counts as absent.
            "email" => self.email = self.push(map.next_value()?),
            "name" => self.name = self.push(map.next_value()?),
            "managed_identity_id" => self.managed_identity_id = self.push(map.next_value()?),
            "sid" => self.sid = self.push(map.next_value()?),
            "roles" => self.roles = map.next_value::<Option<OneOrMany>>()?.unwrap_or_default().0,
            "permissions" => self.permissions = map.next_value::<Option<OneOrMany>>()?.unwrap_or_default().0,
            "is_service_account" => self.is_service_account = matches!(map.next_value()?, Flag::Bool(true)),
            _ => self.read_registered(name, map)?,
        }
        Ok(())
    }

    /// Parses the value of the member `name`, which has the same meaning in the tokens of all
    /// issuers. Of any other claim, only the presence matters.
    fn read_registered<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            // Claims that are validated: `null` has the wrong type and does not count as absent.
            "iss" => self.iss = self.push(Some(map.next_value()?)),
            "aud" => self.aud = map.next_value::<OneOrMany>()?.0,
            "exp" => self.exp = Some(map.next_value()?),
            "nbf" => self.nbf = Some(map.next_value()?),
            "iat" => self.iat = Some(map.next_value()?),
            "jti" => self.jti = self.push(map.next_value()?),
            _ => {
                self.is_other_token_type |= matches!(name, "nonce" | "at_hash" | "c_hash" | "events");
                self.is_sender_constrained |= name == "cnf";
                map.next_value::<Skipped>()?;
            }
        }
        Ok(())
    }

    /// Keeps `sub` and `sid` of an external issuer's token, which can be denied whatever the claim
    /// map reads. A value of another type counts as absent.
    fn keep_ids(&mut self, name: &str, value: Option<&ClaimValue>) {
        let Some(ClaimValue::Text(text)) = value else { return };
        let text = Some(TextClaim(Cow::Borrowed(text)));
        match name {
            "sub" => self.token_sub = self.push(text),
            "sid" => self.sid = self.push(text),
            _ => {}
        }
    }

    /// Creates claims without values, with the buffer for their texts.
    fn with_buffer() -> Self {
        Self { texts: String::with_capacity(INITIAL_CAPACITY), ..Self::default() }
    }
}

/// The claims that [`Claims::read_registered`] reads or rejects. A claim map cannot read them.
pub(crate) const REGISTERED: [&str; 11] =
    ["iss", "aud", "exp", "nbf", "iat", "jti", "nonce", "at_hash", "c_hash", "events", "cnf"];

/// Passes the name of each member of an object to `read`, which parses the value. A duplicate
/// member is an error.
fn each_member<'de, A: MapAccess<'de>>(
    mut map: A,
    mut read: impl FnMut(&str, &mut A) -> Result<(), A::Error>,
) -> Result<(), A::Error> {
    let mut names = Vec::with_capacity(16);
    while let Some(TextClaim(name)) = map.next_key()? {
        read(&name, &mut map).map_err(|error| A::Error::custom(format_args!("{name}: {error}")))?;
        names.push(name);
    }
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(A::Error::custom("duplicate member"));
    }
    Ok(())
}

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PassportClaims;

        impl<'de> Visitor<'de> for PassportClaims {
            type Value = Claims;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of claims")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Claims, A::Error> {
                let mut claims = Claims::with_buffer();
                each_member(map, |name, map| claims.read(name, map))?;
                Ok(claims)
            }
        }

        deserializer.deserialize_map(PassportClaims)
    }
}

/// Parses the payload of an external issuer's token.
struct ExternalClaims<'a>(&'a WantedClaims);

impl<'de> DeserializeSeed<'de> for ExternalClaims<'_> {
    type Value = (Claims, ClaimValues);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ExternalClaims<'_> {
    type Value = (Claims, ClaimValues);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of claims")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let (mut claims, mut values) = (Claims::with_buffer(), ClaimValues::default());
        each_member(map, |name, map| {
            let is_wanted = self.0.contains(name);
            if !is_wanted && !matches!(name, "sub" | "sid") {
                return claims.read_registered(name, map);
            }
            let Nullable(value) = map.next_value()?;
            claims.keep_ids(name, value.as_ref());
            if is_wanted {
                values.push(name, value);
            }
            Ok(())
        })?;
        Ok((claims, values))
    }
}

/// The name of a member or the text of a claim, borrowed from the payload unless it has escapes.
#[derive(Deserialize)]
struct TextClaim<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests;
