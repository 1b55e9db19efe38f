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
    /// Creates a description. If the requirement is
    /// [`Requirement::scopes`](crate::Requirement::scopes), `scopes` has the scopes, separated by
    /// spaces; otherwise it is `None`.
    pub(crate) fn new(required: String, reason: &'static str, scopes: Option<String>) -> Self {
        Self(Arc::new(Summary { required, reason, scopes }))
    }

    /// Returns the requirement as text, such as `role payroll.admin`. The response body contains
    /// this text as the member `required`.
    #[must_use]
    pub fn required(&self) -> &str {
        &self.0.required
    }

    /// Returns the kind of the requirement, such as `RoleRequired`, for programs. The response body
    /// contains the kind as the member `reason`.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.0.reason
    }

    /// Returns the scopes, separated by spaces, for the parameter `scope` of the challenge. Returns
    /// `None` if the requirement is not [`Requirement::scopes`](crate::Requirement::scopes).
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
