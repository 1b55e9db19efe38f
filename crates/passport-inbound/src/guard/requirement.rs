//! What a guard demands. Pure.

use http::Extensions;

use crate::{IdInfo, Rejection};

pub(super) fn service_account(extensions: &Extensions) -> Result<(), Rejection> {
    if IdInfo::required(extensions)?.is_service_account() {
        Ok(())
    } else {
        Err(Rejection::ServiceAccountRequired)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::Claims;

    fn judged(claims: Option<&str>) -> Result<(), Rejection> {
        let mut extensions = Extensions::new();
        if let Some(claims) = claims {
            extensions.insert(IdInfo::new(Claims::parse(claims.as_bytes()).unwrap(), Vec::new()));
        }
        service_account(&extensions)
    }

    #[test]
    fn a_service_account_passes_and_a_user_does_not() {
        assert_eq!(judged(Some(r#"{"is_service_account":true}"#)), Ok(()));
        for user in ["{}", r#"{"is_service_account":"true"}"#, r#"{"managed_identity_id":"mi-1"}"#] {
            assert_eq!(judged(Some(user)), Err(Rejection::ServiceAccountRequired), "{user}");
        }
    }

    #[test]
    fn without_an_identity_nobody_passes() {
        assert_eq!(judged(None), Err(Rejection::Miswired));
    }
}
