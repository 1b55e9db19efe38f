//! The retry modes of the layer. A mode determines how a request is saved, so that it can be
//! sent a second time.

use std::{convert::Infallible, fmt};

/// A mode of retrying requests of type `R` after a receiver rejected their token: [`NoRetry`],
/// [`RetryCloned`] or [`RetryBuffered`].
///
/// The mode is selected with the methods of [`AttachTokenLayer`](super::AttachTokenLayer). The
/// trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`AttachTokenLayer` cannot retry requests of type `{R}` with `{Self}`",
    label = "the body cannot be sent twice",
    note = "`retry_unauthorized` requires a body that is `Clone`",
    note = "for other bodies, use `retry_unauthorized_buffered(max_bytes, wrap)`, with tonic: `.retry_unauthorized_buffered(65_536, tonic::body::Body::new)`"
)]
pub trait RetryMode<R>: sealed::SaveRequest<R> {}

/// The default mode: a request is not retried. The rejected token is replaced, and the next
/// request uses the new token.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRetry;

/// Sends a clone of the request as the retry. See
/// [`retry_unauthorized`](super::AttachTokenLayer::retry_unauthorized).
#[derive(Clone, Copy, Debug, Default)]
pub struct RetryCloned;

/// Sends the recorded beginning of the body, and then the rest of the body, as the retry. See
/// [`retry_unauthorized_buffered`](super::AttachTokenLayer::retry_unauthorized_buffered).
#[derive(Clone, Copy)]
pub struct RetryBuffered<F> {
    pub(super) max_bytes: usize,
    pub(super) wrap: F,
}

impl<F> fmt::Debug for RetryBuffered<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryBuffered").field("max_bytes", &self.max_bytes).finish_non_exhaustive()
    }
}

impl<R> RetryMode<R> for NoRetry {}

pub(crate) mod sealed {
    /// Saves the data to send a request of type `R` a second time.
    #[expect(unnameable_types, reason = "seals `RetryMode`")]
    pub trait SaveRequest<R>: Clone {
        /// The data that is saved for the second request.
        type Saved;

        /// Whether this mode saves requests. If false, `save` is not called, so that the request is
        /// not moved.
        const SAVES: bool = true;

        /// Saves `request`. Returns the request to send first, and the saved data. The saved data
        /// is `None` if the request cannot be retried.
        fn save(&self, request: R) -> (R, Option<Self::Saved>);

        /// Returns the request to send a second time. Returns `None` if the request's body cannot
        /// be restored.
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
