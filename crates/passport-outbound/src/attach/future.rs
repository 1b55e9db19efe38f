use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    OutboundRequest,
    service::{BoxError, attach},
};
use crate::credential::PendingCredential;

pin_project! {
    /// The response future of [`AttachToken`](super::AttachToken).
    ///
    /// # Cancel safety
    /// Dropping it ends this request. A token that is being fetched is fetched all the same, for whoever comes next.
    pub struct AttachTokenFuture<S, R>
    where
        S: Service<R>,
    {
        #[pin]
        state: State<S, R>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, R>
    where
        S: Service<R>,
    {
        /// Refused before anything was sent.
        Failed { error: Option<BoxError> },
        /// On its way, with a token. The hot path starts here.
        Forwarding { #[pin] response: S::Future },
        /// No token yet. Holds the ready service, and whatever permit it stands for.
        Waiting { credential: PendingCredential, ready: S, request: Option<R> },
    }
}

impl<S: Service<R>, R> AttachTokenFuture<S, R> {
    pub(super) fn failed(error: BoxError) -> Self {
        Self { state: State::Failed { error: Some(error) } }
    }

    pub(super) fn forwarding(response: S::Future) -> Self {
        Self { state: State::Forwarding { response } }
    }

    pub(super) fn waiting(credential: PendingCredential, ready: S, request: R) -> Self {
        Self { state: State::Waiting { credential, ready, request: Some(request) } }
    }
}

impl<S, R> Future for AttachTokenFuture<S, R>
where
    S: Service<R>,
    S::Error: Into<BoxError>,
    R: OutboundRequest,
{
    type Output = Result<S::Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProjection::Failed { error } => {
                    return Poll::Ready(Err(error.take().expect("polled again after it was ready")));
                }
                StateProjection::Forwarding { response } => return response.poll(cx).map_err(Into::into),
                StateProjection::Waiting { credential, ready, request } => {
                    let next = match ready!(Pin::new(credential).poll(cx)) {
                        Ok(token) => {
                            let mut request = request.take().expect("polled again after it was ready");
                            attach(request.headers_mut(), token);
                            State::Forwarding { response: ready.call(request) }
                        }
                        Err(error) => State::Failed { error: Some(error.into()) },
                    };
                    state.set(next);
                }
            }
        }
    }
}

impl<S: Service<R>, R> fmt::Debug for AttachTokenFuture<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttachTokenFuture").finish_non_exhaustive()
    }
}
