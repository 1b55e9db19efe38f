//! The retry modes of the layer: how a request is saved, in case it has to be sent a second
//! time.

use std::{convert::Infallible, fmt};

/// A way to retry a request of type `R` after its token was rejected: [`NoRetry`],
/// [`RetryCloned`] or [`RetryBuffered`].
///
/// The methods of [`AttachTokenLayer`](super::AttachTokenLayer) select the mode. The trait is
/// sealed.
#[diagnostic::on_unimplemented(
    message = "`AttachTokenLayer` cannot retry requests of type `{R}` with `{Self}`",
    label = "the body cannot be sent twice",
    note = "`retry_unauthorized` requires a body that is `Clone`",
    note = "for other bodies, use `retry_unauthorized_buffered(max_bytes, wrap)`, with tonic: `.retry_unauthorized_buffered(65_536, tonic::body::Body::new)`"
)]
pub trait RetryMode<R>: sealed::SaveRequest<R> {}

/// Does not retry (the default). A rejected token is replaced, and the next request uses the new
/// one.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRetry;

/// Retries a clone of the request. See
/// [`retry_unauthorized`](super::AttachTokenLayer::retry_unauthorized).
#[derive(Clone, Copy, Debug, Default)]
pub struct RetryCloned;

/// Retries the request with the recorded beginning of its body. See
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
    /// Saves the data that is needed to send a request of type `R` a second time.
    #[expect(unnameable_types, reason = "seals `RetryMode`")]
    pub trait SaveRequest<R>: Clone {
        /// The saved data.
        type Saved;

        /// Whether this mode saves requests. If false, `save` is not called, which avoids moving
        /// the request.
        const SAVES: bool = true;

        /// Returns the request to send first, and the saved data, or `None` if the request cannot
        /// be retried.
        fn save(&self, request: R) -> (R, Option<Self::Saved>);

        /// Returns the request to send a second time, or `None` if its body cannot be restored.
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
