//! The future of a request that is let through, refused, or not decided yet: what both middlewares have in common.

use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::{
    IdInfo, Rejection, RejectionReason, RequestHead, Requirement, ResponseBody, VerifyError,
    authenticate::{Sources, bearer::bearer, introduce},
    authorize::Look,
    response::{body::Answer, drain::Drain, rejection_config::RejectionConfig, render::refuse},
};

/// On which terms a request is let through.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    pub(crate) responder: RejectionConfig,
    pub(crate) hands_on: bool,
    /// Whether the caller is recorded on the current span.
    pub(crate) records_caller: bool,
    /// Where else a token may be, and what is taken off; if the layer was told anything of it.
    pub(crate) sources: Option<Arc<Sources>>,
    /// What is demanded of the caller once it is known.
    pub(crate) requirement: Option<Requirement>,
}

/// What a request waits for. Boxed, as most requests are decided at once.
pub(crate) enum Pending {
    /// Keys, or a turn.
    Caller(Pin<Box<dyn Future<Output = Result<IdInfo, VerifyError>> + Send>>),
    /// Somebody who is asked about the caller.
    Permission(Pin<Box<dyn Future<Output = Result<(), Rejection>> + Send>>),
}

impl Pending {
    fn poll<B>(
        &mut self,
        request: &mut Request<B>,
        terms: &Terms,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Rejection>> {
        loop {
            match self {
                Self::Permission(asking) => return asking.as_mut().poll(cx),
                Self::Caller(verdict) => {
                    let caller = ready!(verdict.as_mut().poll(cx))?;
                    introduce(request, caller, terms);
                    match terms.look(request) {
                        Look::Pass => return Poll::Ready(Ok(())),
                        Look::Refuse(rejection) => return Poll::Ready(Err(rejection)),
                        Look::Ask(asking) => *self = Self::Permission(asking),
                    }
                }
            }
        }
    }
}

impl Terms {
    /// The token of a request.
    pub(crate) fn token<'a, B>(&self, request: &'a Request<B>) -> Result<Option<&'a [u8]>, RejectionReason> {
        match &self.sources {
            None => bearer(request.headers()),
            Some(sources) => sources.token(request),
        }
    }

    /// Leaves the settings of refusals for guards and extractors inside, if there are any.
    pub(crate) fn leave_settings<B>(&self, request: &mut Request<B>) {
        if self.responder.is_set() {
            let settings = self.responder.within(request.extensions());
            request.extensions_mut().insert(settings);
        }
    }

    /// Whether the caller that `request` has been introduced with is one that may pass.
    pub(crate) fn look<B>(&self, request: &Request<B>) -> Look {
        let head = || RequestHead::of(request);
        self.requirement.as_ref().map_or(Look::Pass, |requirement| requirement.look(head()))
    }
}

/// A request that is not decided yet.
struct Undecided<S, B> {
    pending: Pending,
    /// Holds whatever permit it stands for.
    ready: S,
    request: Request<B>,
    terms: Terms,
}

pin_project! {
    pub(crate) struct Gate<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        /// Decided. The hot path starts here.
        Decided { #[pin] answer: Answer<S::Future> },
        /// Boxed, as a future is moved more than once before it is polled.
        Waiting { undecided: Option<Box<Undecided<S, B>>> },
    }
}

impl<S: Service<Request<B>>, B> Gate<S, B> {
    #[inline(always)] // each call of it would move the response's future once more
    pub(crate) fn passed(response: S::Future) -> Self {
        Self { state: State::Decided { answer: Answer::Inner { response } } }
    }

    pub(crate) fn refused(refusal: Response<Bytes>, drain: Option<Box<Drain>>) -> Self {
        Self { state: State::Decided { answer: Answer::refused(refusal, drain) } }
    }

    /// The service that was polled ready goes into the future; its clone was not, and stays in its place. See
    /// "Be careful when cloning inner services" in the documentation of `tower::Service`.
    pub(crate) fn waiting(pending: Pending, service: &mut S, request: Request<B>, terms: Terms) -> Self
    where
        S: Clone,
    {
        let not_ready = service.clone();
        let ready = mem::replace(service, not_ready);
        Self {
            state: State::Waiting { undecided: Some(Box::new(Undecided { pending, ready, request, terms })) },
        }
    }
}

impl<S: Service<Request<B>>, B: 'static> Undecided<S, B> {
    fn decided(mut self, verdict: Result<(), Rejection>) -> Answer<S::Future> {
        match verdict {
            Ok(()) => Answer::Inner { response: self.ready.call(self.request) },
            Err(rejection) => {
                let refusal = refuse(rejection, &self.request, &self.terms.responder);
                Answer::refused(refusal, Drain::of(self.request))
            }
        }
    }
}

impl<S, B, R> Future for Gate<S, B>
where
    B: 'static,
    S: Service<Request<B>, Response = Response<R>>,
{
    type Output = Result<Response<ResponseBody<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProjection::Decided { answer } => return answer.poll(cx),
                StateProjection::Waiting { undecided: waiting } => {
                    let undecided = waiting.as_mut().expect("the state changes when the verdict is there");
                    let Undecided { pending, request, terms, .. } = &mut **undecided;
                    let verdict = ready!(pending.poll(request, terms, cx));
                    let undecided = waiting.take().expect("it was there a moment ago");
                    state.set(State::Decided { answer: undecided.decided(verdict) });
                }
            }
        }
    }
}
