//! Waits until the token of an open stream is revoked.

use std::{
    future::{Future, pending, poll_fn},
    pin::pin,
    task::Poll,
};

use crate::{DenyList, IdInfo};

/// Returns whether a source can revoke the caller's token.
pub(super) fn is_possible(caller: &IdInfo) -> bool {
    caller.deny_list().is_some() || caller.token().is_some()
}

/// Returns whether the caller's token is known to be revoked. Does not wait.
pub(super) fn is_revoked(caller: &IdInfo) -> bool {
    caller.is_denied()
}

/// Waits until the caller's token is revoked. Never completes if nothing can revoke the token.
///
/// A source of revocations is a future here: the first future that completes ends the stream.
pub(super) async fn revoked(caller: IdInfo) {
    let (mut denied, mut inactive) = (pin!(denied(&caller)), pin!(caller.revoked()));
    poll_fn(|cx| match denied.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => inactive.as_mut().poll(cx),
    })
    .await;
}

/// Waits until the deny list of the verifier denies the caller. Searches the list again after each
/// change.
async fn denied(caller: &IdInfo) {
    let Some(mut changes) = caller.deny_list().map(DenyList::subscribe) else { return pending().await };
    // A change between the search and the wait is not missed: the receiver was created before.
    while !caller.is_denied() {
        // The list lives as long as the caller, so the channel is never closed.
        if changes.changed().await.is_err() {
            return pending().await;
        }
    }
}
