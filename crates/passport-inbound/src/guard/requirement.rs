use http::Extensions;

use crate::{IdInfo, Rejection};

/// What a route demands of its caller. Pure: an identity in, a verdict out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Requirement {
    /// A managed identity, not a user.
    ServiceAccount,
}

impl Requirement {
    /// Whether `caller` satisfies it.
    #[must_use]
    pub fn is_met_by(&self, caller: &IdInfo) -> bool {
        match self {
            Self::ServiceAccount => caller.is_service_account(),
        }
    }

    pub(super) fn check(&self, extensions: &Extensions) -> Result<(), Rejection> {
        if self.is_met_by(IdInfo::required(extensions)?) {
            Ok(())
        } else {
            Err(Rejection::Forbidden(self.clone()))
        }
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
        Requirement::ServiceAccount.check(&extensions)
    }

    #[test]
    fn a_service_account_passes_and_a_user_does_not() {
        assert_eq!(judged(Some(r#"{"is_service_account":true}"#)), Ok(()));
        for user in ["{}", r#"{"is_service_account":"true"}"#, r#"{"managed_identity_id":"mi-1"}"#] {
            assert_eq!(judged(Some(user)), Err(Rejection::Forbidden(Requirement::ServiceAccount)), "{user}");
        }
    }

    #[test]
    fn without_an_identity_nobody_passes() {
        assert_eq!(judged(None), Err(Rejection::Miswired));
    }
}
