//! What is saved of a request, in case it has to be sent a second time.

use std::{convert::Infallible, fmt};

/// How an [`AttachTokenLayer`](super::AttachTokenLayer) sends a request of type `R` once more after
/// its token was refused.
///
/// Sealed: [`NoRetry`], [`CloneRequest`] and [`BufferBody`] are all there is.
#[diagnostic::on_unimplemented(
    message = "a request of type `{R}` cannot be sent again in this way",
    note = "`retry_unauthorized` needs a body that is `Clone`; take `retry_unauthorized_buffered` for others"
)]
pub trait RetryMode<R>: sealed::SaveRequest<R> {}

/// The default: a rejected request is not retried; the next one has another token.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRetry;

/// See [`AttachTokenLayer::retry_unauthorized`](super::AttachTokenLayer::retry_unauthorized).
#[derive(Clone, Copy, Debug, Default)]
pub struct CloneRequest;

/// See [`AttachTokenLayer::retry_unauthorized_buffered`](super::AttachTokenLayer::retry_unauthorized_buffered).
#[derive(Clone, Copy)]
pub struct BufferBody<F> {
    pub(super) max_bytes: usize,
    pub(super) wrap: F,
}

impl<F> fmt::Debug for BufferBody<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferBody").field("max_bytes", &self.max_bytes).finish_non_exhaustive()
    }
}

impl<R> RetryMode<R> for NoRetry {}

pub(crate) mod sealed {
    /// Saves what is needed to send a request of type `R` a second time.
    #[expect(unnameable_types, reason = "that is what seals the trait above it")]
    pub trait SaveRequest<R>: Clone {
        type Saved;

        /// Whether anything is ever saved. If not, a request is not moved for it.
        const SAVES: bool = true;

        /// Returns the request to send, and what it can be restored from, if it can be restored.
        fn save(&self, request: R) -> (R, Option<Self::Saved>);

        /// Returns the request for the second time, if it can still be restored.
        fn restore(&self, saved: Self::Saved) -> Option<R>;
    }
}

impl<R> sealed::SaveRequest<R> for NoRetry {
    type Saved = Infallible;

    const SAVES: bool = false;

    fn save(&self, request: R) -> (R, Option<Infallible>) {
        (request, None)
    }

    fn restore(&self, saved: Infallible) -> Option<R> {
        match saved {}
    }
}
