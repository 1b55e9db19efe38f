//! What is left of a requirement once everything is said that the token and the request say: nothing, or what others have to be
//! asked.

use std::{future::Future, ops::Not, pin::Pin, sync::Arc};

use super::checker::{DynPermissionCheck, PermissionUnknown};
use crate::IdInfo;

/// Who has to be asked, and for what.
pub(crate) struct RemotePermission {
    pub(super) check: Box<dyn DynPermissionCheck>,
    pub(super) permission: String,
}

pub(crate) enum Evaluation {
    Settled(bool),
    Ask(Arc<RemotePermission>),
    Not(Box<Self>),
    Both(Box<[Self; 2]>),
    Either(Box<[Self; 2]>),
}

type Answer<'a> = Pin<Box<dyn Future<Output = Option<bool>> + Send + 'a>>;

impl Evaluation {
    pub(super) fn and(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Settled(false) => self,
            Self::Settled(true) => other(),
            asks => match other() {
                Self::Settled(true) => asks,
                Self::Settled(false) => Self::Settled(false),
                also_asks => Self::Both(Box::new([asks, also_asks])),
            },
        }
    }

    pub(super) fn or(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Settled(true) => self,
            Self::Settled(false) => other(),
            asks => match other() {
                Self::Settled(false) => asks,
                Self::Settled(true) => Self::Settled(true),
                also_asks => Self::Either(Box::new([asks, also_asks])),
            },
        }
    }

    /// Asks one after the other, and nobody whose answer would change nothing. None if one that counts has no answer: "no" to
    /// a permission that is not to be had would let its caller in, where the requirement has a `not` around it.
    pub(crate) fn ask<'a>(&'a self, caller: &'a IdInfo) -> Answer<'a> {
        Box::pin(async move {
            match self {
                Self::Settled(is_met) => Some(*is_met),
                Self::Not(outcome) => outcome.ask(caller).await.map(Not::not),
                Self::Ask(remote) => {
                    let answer = remote.check.check_dyn(caller, &remote.permission).await;
                    answer.inspect_err(PermissionUnknown::log).ok()
                }
                Self::Both(outcomes) => decided(outcomes, caller, false).await,
                Self::Either(outcomes) => decided(outcomes, caller, true).await,
            }
        })
    }
}

/// `decisive` if one of the two is; the other value if both are.
async fn decided([one, other]: &[Evaluation; 2], caller: &IdInfo, decisive: bool) -> Option<bool> {
    let first = one.ask(caller).await;
    if first == Some(decisive) {
        return first;
    }
    match other.ask(caller).await {
        Some(second) if second == decisive => Some(decisive),
        second => first.and(second),
    }
}

impl Not for Evaluation {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::Settled(is_met) => Self::Settled(!is_met),
            asks => Self::Not(Box::new(asks)),
        }
    }
}
