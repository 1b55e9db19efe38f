//! Partial evaluation of a requirement for a token and a request. The result is a truth value,
//! or a formula of the permission checks that the truth value still depends on.

use std::{future::Future, ops::Not, pin::Pin, sync::Arc};

use super::checker::{DynPermissionCheck, PermissionCheckError};
use crate::IdInfo;

/// A permission that a [`PermissionChecker`](super::PermissionChecker) has to confirm.
pub(super) struct RemotePermission {
    pub(super) check: Box<dyn DynPermissionCheck>,
    pub(super) permission: String,
}

/// The result of a partial evaluation: a truth value, or a formula of permission checks.
pub(super) enum Evaluation {
    /// Whether the requirement is met. No permission check can change this result.
    Settled(bool),
    /// The requirement is met if this permission check returns true.
    Remote(Arc<RemotePermission>),
    Not(Box<Self>),
    Both(Box<[Self; 2]>),
    Either(Box<[Self; 2]>),
}

type EvaluationFuture<'a> = Pin<Box<dyn Future<Output = Option<bool>> + Send + 'a>>;

impl Evaluation {
    /// Returns the conjunction of `self` and the result of `other`. If `self` is already settled as
    /// false, `other` is not called.
    pub(super) fn and(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Settled(false) => self,
            Self::Settled(true) => other(),
            open => match other() {
                Self::Settled(true) => open,
                Self::Settled(false) => Self::Settled(false),
                also_open => Self::Both(Box::new([open, also_open])),
            },
        }
    }

    /// Returns the disjunction of `self` and the result of `other`. If `self` is already settled as
    /// true, `other` is not called.
    pub(super) fn or(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Settled(true) => self,
            Self::Settled(false) => other(),
            open => match other() {
                Self::Settled(false) => open,
                Self::Settled(true) => Self::Settled(true),
                also_open => Self::Either(Box::new([open, also_open])),
            },
        }
    }

    /// Runs the permission checks one after the other, and returns whether the requirement is met.
    /// Skips the checks that cannot change the result.
    ///
    /// Returns `None` if the result depends on a check that has returned an error. An error does
    /// not count as false, because a negation would turn false into true and grant access.
    pub(super) fn resolve<'a>(&'a self, caller: &'a IdInfo) -> EvaluationFuture<'a> {
        Box::pin(async move {
            match self {
                Self::Settled(is_met) => Some(*is_met),
                Self::Not(outcome) => outcome.resolve(caller).await.map(Not::not),
                Self::Remote(remote) => {
                    let result = remote.check.check_dyn(caller, &remote.permission).await;
                    result.inspect_err(PermissionCheckError::log).ok()
                }
                Self::Both(outcomes) => decided(outcomes, caller, false).await,
                Self::Either(outcomes) => decided(outcomes, caller, true).await,
            }
        })
    }
}

/// Resolves a conjunction (`decisive` is false) or a disjunction (`decisive` is true):
///
/// - If one operand has the value `decisive`, returns `decisive`, even if the check of the other
///   operand has returned an error.
/// - Otherwise, if a check has returned an error, returns `None`.
/// - Otherwise, returns the opposite of `decisive`.
async fn decided([one, other]: &[Evaluation; 2], caller: &IdInfo, decisive: bool) -> Option<bool> {
    let first = one.resolve(caller).await;
    if first == Some(decisive) {
        return first;
    }
    match other.resolve(caller).await {
        Some(second) if second == decisive => Some(decisive),
        second => first.and(second),
    }
}

impl Not for Evaluation {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::Settled(is_met) => Self::Settled(!is_met),
            open => Self::Not(Box::new(open)),
        }
    }
}
