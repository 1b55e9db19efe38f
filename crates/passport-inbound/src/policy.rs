//! What is demanded of claims. Pure: the time is an argument.

use std::time::{Duration, SystemTime};

use crate::{RejectionReason, claims::Claims, json::NumericDate};

#[derive(Debug)]
pub(crate) struct Policy {
    /// Compared byte for byte.
    pub(crate) issuer: String,
    /// One of them must be in the token.
    pub(crate) audiences: Vec<String>,
    /// How far clocks may differ.
    pub(crate) clock_skew: Duration,
}

impl Policy {
    pub(crate) fn check(&self, claims: &Claims, now: SystemTime) -> Result<(), RejectionReason> {
        if claims.iss.as_deref() != Some(&self.issuer) {
            return Err(RejectionReason::IssuerMismatch);
        }
        if !claims.aud.iter().any(|audience| self.audiences.contains(audience)) {
            return Err(RejectionReason::AudienceMismatch);
        }
        self.check_times(claims, now)?;
        if claims.is_of_another_kind() {
            return Err(RejectionReason::NotAnAccessToken);
        }
        if claims.is_bound() {
            return Err(RejectionReason::BoundToken);
        }
        required("sub", claims.sub.as_deref())?;
        required("tenant_id", claims.tenant_id.as_deref())
    }

    fn check_times(&self, claims: &Claims, now: SystemTime) -> Result<(), RejectionReason> {
        let exp = claims.exp.ok_or(RejectionReason::MissingClaim("exp"))?;
        let iat = claims.iat.ok_or(RejectionReason::MissingClaim("iat"))?;
        let is_ahead =
            |date: NumericDate| date.0.duration_since(now).is_ok_and(|distance| distance > self.clock_skew);
        let is_past = now.duration_since(exp.0).is_ok_and(|since| since >= self.clock_skew);
        if is_past {
            return Err(RejectionReason::Expired);
        }
        if claims.nbf.is_some_and(is_ahead) {
            return Err(RejectionReason::NotYetValid);
        }
        if is_ahead(iat) {
            return Err(RejectionReason::IssuedInFuture);
        }
        Ok(())
    }
}

fn required(name: &'static str, claim: Option<&str>) -> Result<(), RejectionReason> {
    match claim {
        Some(value) if !value.trim().is_empty() => Ok(()),
        _ => Err(RejectionReason::MissingClaim(name)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use serde_json::{Value, json};

    use super::*;

    const NOW: u64 = 1_750_000_000;

    /// What the policy says to a good token with `changes` made to it; `null` takes a claim away.
    fn judged(changes: &Value) -> Result<(), RejectionReason> {
        let mut token = json!({
            "iss": "https://passport.bizfirst.ai", "aud": "bizfirstgo-api", "sub": "u", "tenant_id": "t",
            "iat": NOW, "exp": NOW + 3600,
        });
        for (name, value) in changes.as_object().unwrap() {
            token[name] = value.clone();
        }
        token.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let policy = Policy {
            issuer: "https://passport.bizfirst.ai".to_owned(),
            audiences: vec!["bizfirstgo-api".to_owned(), "payroll".to_owned()],
            clock_skew: Duration::from_secs(60),
        };
        let claims = Claims::parse(token.to_string().as_bytes()).unwrap();
        policy.check(&claims, UNIX_EPOCH + Duration::from_secs(NOW))
    }

    #[test]
    fn a_good_token_passes() {
        assert_eq!(judged(&json!({})), Ok(()));
        assert_eq!(judged(&json!({ "aud": ["x", "payroll"], "nbf": NOW })), Ok(()));
    }

    #[test]
    fn the_issuer_must_be_the_same_byte_for_byte() {
        for issuer in [
            json!(null),
            json!(""),
            json!("https://passport.bizfirst.ai/"),
            json!("https://PASSPORT.bizfirst.ai"),
            json!("http://passport.bizfirst.ai"),
            json!("https://passport.bizfirst.ai.evil.example"),
            json!(" https://passport.bizfirst.ai"),
        ] {
            assert_eq!(judged(&json!({ "iss": issuer })), Err(RejectionReason::IssuerMismatch), "{issuer}");
        }
    }

    #[test]
    fn one_of_the_audiences_must_be_named_exactly() {
        for audience in [
            json!(null),
            json!([]),
            json!(""),
            json!("*"),
            json!("BizFirstGo-API"),
            json!("bizfirstgo"),
            json!("bizfirstgo-api "),
            json!("bizfirstgo-api,payroll"),
            json!(["other"]),
        ] {
            assert_eq!(
                judged(&json!({ "aud": audience })),
                Err(RejectionReason::AudienceMismatch),
                "{audience}"
            );
        }
    }

    #[test]
    fn times_count_with_sixty_seconds_of_skew() {
        for (changes, verdict) in [
            (json!({ "exp": NOW - 59 }), Ok(())),
            (json!({ "exp": NOW - 60 }), Err(RejectionReason::Expired)),
            (json!({ "exp": 0 }), Err(RejectionReason::Expired)),
            (json!({ "exp": null }), Err(RejectionReason::MissingClaim("exp"))),
            (json!({ "iat": NOW + 60 }), Ok(())),
            (json!({ "iat": NOW + 61 }), Err(RejectionReason::IssuedInFuture)),
            (json!({ "iat": null }), Err(RejectionReason::MissingClaim("iat"))),
            (json!({ "nbf": NOW + 60 }), Ok(())),
            (json!({ "nbf": NOW + 61 }), Err(RejectionReason::NotYetValid)),
            (json!({ "nbf": 1e18 }), Err(RejectionReason::NotYetValid)),
        ] {
            assert_eq!(judged(&changes), verdict, "{changes}");
        }
    }

    #[test]
    fn subject_and_tenant_must_be_there_and_not_blank() {
        for name in ["sub", "tenant_id"] {
            for value in [json!(null), json!(""), json!("  ")] {
                assert_eq!(
                    judged(&json!({ name: value })),
                    Err(RejectionReason::MissingClaim(name)),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn tokens_of_another_kind_and_bound_tokens_are_refused() {
        for mark in ["nonce", "at_hash", "c_hash", "events"] {
            assert_eq!(judged(&json!({ mark: "x" })), Err(RejectionReason::NotAnAccessToken), "{mark}");
        }
        assert_eq!(judged(&json!({ "cnf": {} })), Err(RejectionReason::BoundToken));
    }
}
