//! The caller of a `tonic::Request`, and middleware around a single service of a tonic server.

use tonic::{Request, Status, server::NamedService};

use crate::{
    Audit, Authenticate, IdInfo, Rejection, Require, TokenDeadline, response::rejection::required_identity,
};

/// Reads the caller from a `tonic::Request`.
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
    /// `UNAUTHENTICATED` for a request without a token, which an
    /// [`optional`](crate::AuthenticateLayer::optional) layer forwards; and `INTERNAL`, with an
    /// error event, if no [`AuthenticateLayer`](crate::AuthenticateLayer) has run.
    fn id_info(&self) -> Result<&IdInfo, Status>;
}

mod sealed {
    #[expect(unnameable_types, reason = "that is what seals the trait above it")]
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

// The middleware around a service of a tonic server has the name of that service.

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
