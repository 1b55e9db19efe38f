use std::{fmt, sync::Arc};

/// A requirement that a caller does not meet, as the response describes it.
///
/// For a rejection of your own, it is made from a [`Requirement`](crate::Requirement) by `into()`.
#[derive(Clone, PartialEq, Eq)]
pub struct UnmetRequirement(Arc<Summary>);

#[derive(PartialEq, Eq)]
struct Summary {
    required: String,
    reason: &'static str,
    scopes: Option<String>,
}

impl UnmetRequirement {
    /// `scopes` are those of a requirement of nothing else, separated by spaces.
    pub(crate) fn new(required: String, reason: &'static str, scopes: Option<String>) -> Self {
        Self(Arc::new(Summary { required, reason, scopes }))
    }

    /// Returns the requirement as text, such as `the role payroll.admin`.
    #[must_use]
    pub fn required(&self) -> &str {
        &self.0.required
    }

    /// Returns a name for what is missing, such as `RoleRequired`, for programs.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.0.reason
    }

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
