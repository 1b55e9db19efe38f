//! The description of an unmet requirement in responses and log events.

use std::{fmt, sync::Arc};

/// The description of a requirement that a caller does not meet.
///
/// To reject a request with [`Rejection::Forbidden`](crate::Rejection::Forbidden) in a handler,
/// convert a [`Requirement`](crate::Requirement) with `into()`.
#[derive(Clone, PartialEq, Eq)]
pub struct UnmetRequirement(Arc<Summary>);

#[derive(PartialEq, Eq)]
struct Summary {
    required: String,
    reason: &'static str,
    scopes: Option<String>,
}

impl UnmetRequirement {
    /// Creates a description. `scopes` has the scopes, separated by spaces, if the requirement is
    /// [`Requirement::scopes`](crate::Requirement::scopes); otherwise it is `None`.
    pub(crate) fn new(required: String, reason: &'static str, scopes: Option<String>) -> Self {
        Self(Arc::new(Summary { required, reason, scopes }))
    }

    /// Returns the requirement as text, such as `role payroll.admin`. It is the member `required`
    /// of the response body.
    #[must_use]
    pub fn required(&self) -> &str {
        &self.0.required
    }

    /// Returns the kind of the requirement, such as `RoleRequired`, for programs. It is the member
    /// `reason` of the response body.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.0.reason
    }

    /// Returns the scopes, separated by spaces, for the parameter `scope` of the challenge.
    pub(super) fn scopes(&self) -> Option<&str> {
        self.0.scopes.as_deref()
    }
}

impl fmt::Display for UnmetRequirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.required())
    }
}

impl fmt::Debug for UnmetRequirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnmetRequirement({self})")
    }
}

#[cfg(test)]
mod tests;
