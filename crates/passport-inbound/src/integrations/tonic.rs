//! An extension trait for `tonic::Request`, and `NamedService` for the middleware, so that a
//! layer can wrap a single service of a tonic server.

use tonic::{Request, Status, server::NamedService};

use crate::{
    Audit, Authenticate, IdInfo, Rejection, Require, TokenDeadline, response::rejection::required_identity,
};

/// An extension trait that returns the caller of a `tonic::Request`.
///
/// ```
/// use passport_inbound::IdInfoExt;
/// use tonic::{Request, Response, Status};
///
/// async fn run(request: Request<()>) -> Result<Response<String>, Status> {
///     let caller = request.id_info()?;
///     Ok(Response::new(caller.display_name().to_owned()))
/// }
/// # let _ = run;
/// ```
pub trait IdInfoExt: sealed::Sealed {
    /// Returns the caller.
    ///
    /// # Errors
    /// - `UNAUTHENTICATED` if an [`AuthenticateLayer`](crate::AuthenticateLayer) has forwarded the
    ///   request as anonymous, for example because the layer is
    ///   [`optional`](crate::AuthenticateLayer::optional) or the service is public.
    /// - `INTERNAL` if the service is not inside an `AuthenticateLayer`. An error is logged.
    fn id_info(&self) -> Result<&IdInfo, Status>;
}

mod sealed {
    #[expect(unnameable_types, reason = "only this module may implement it, which seals `IdInfoExt`")]
    pub trait Sealed {}

    impl<T> Sealed for tonic::Request<T> {}
}

impl<T> IdInfoExt for Request<T> {
    fn id_info(&self) -> Result<&IdInfo, Status> {
        required_identity(self.extensions()).map_err(|rejection| {
            rejection.record();
            match rejection {
                Rejection::MissingCredentials => Status::unauthenticated("authentication required"),
                _ => Status::internal("server error"),
            }
        })
    }
}

// A tonic server routes by `NAME`, so each middleware has the `NAME` of the service that it
// wraps.

impl<S: NamedService> NamedService for Audit<S> {
    const NAME: &'static str = S::NAME;
}

impl<S: NamedService> NamedService for Authenticate<S> {
    const NAME: &'static str = S::NAME;
}

impl<S: NamedService> NamedService for TokenDeadline<S> {
    const NAME: &'static str = S::NAME;
}

impl<S: NamedService> NamedService for Require<S> {
    const NAME: &'static str = S::NAME;
}
