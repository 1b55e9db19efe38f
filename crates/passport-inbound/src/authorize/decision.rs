use std::{future::Future, pin::Pin};

use super::{RequestHead, Requirement, evaluate::Outcome};
use crate::{Rejection, metrics::TARGET, request_path::is_plain, response::rejection::required_identity};

/// What a look at a request says.
pub(crate) enum Look {
    Pass,
    Refuse(Rejection),
    /// It depends on what others say.
    Ask(Pin<Box<dyn Future<Output = Result<(), Rejection>> + Send>>),
}

impl Requirement {
    /// Whether whoever calls may pass, as far as that can be said at once.
    pub(crate) fn look(&self, request: RequestHead<'_>) -> Look {
        let caller = match required_identity(request.extensions) {
            Ok(caller) => caller,
            Err(rejection) => return Look::Refuse(rejection),
        };
        // Before anything else: no part of a requirement may decide on a path that programs read
        // differently.
        if self.reads_path() && !is_plain(request.routed_path()) {
            tracing::debug!(
                target: TARGET,
                "path refused: it has a dot segment, an empty segment, an encoded separator or invalid UTF-8"
            );
            return Look::Refuse(Rejection::Forbidden(self.unmet()));
        }
        let outcome = match self.reduce(caller, request) {
            Outcome::Settled(true) => return Look::Pass,
            Outcome::Settled(false) => return Look::Refuse(Rejection::Forbidden(self.unmet())),
            outcome => outcome,
        };
        let (caller, requirement) = (caller.clone(), self.clone());
        Look::Ask(Box::pin(async move {
            match outcome.ask(&caller).await {
                Some(true) => Ok(()),
                Some(false) => Err(Rejection::Forbidden(requirement.unmet())),
                None => Err(Rejection::PermissionUnknown),
            }
        }))
    }
}
