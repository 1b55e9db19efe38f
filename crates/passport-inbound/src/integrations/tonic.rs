//! Who calls, for the methods of a tonic service.

use tonic::{Request, Status};

use crate::{IdInfo, Rejection, response::rejection::required_identity};

/// Who calls, from a `tonic::Request`.
///
/// ```
/// use passport_inbound::RequestExt;
/// use tonic::{Request, Response, Status};
///
/// async fn run(request: Request<()>) -> Result<Response<String>, Status> {
///     let caller = request.caller()?;
///     Ok(Response::new(caller.display_name().to_owned()))
/// }
/// # let _ = run;
/// ```
pub trait RequestExt: sealed::Sealed {
    /// Who calls.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` if nobody is known, which an [`optional`](crate::AuthenticateLayer::optional) layer lets through; and
    /// `INTERNAL`, with an error event, if no [`AuthenticateLayer`](crate::AuthenticateLayer) has run.
    fn caller(&self) -> Result<&IdInfo, Status>;
}

mod sealed {
    #[expect(unnameable_types, reason = "that is what seals the trait above it")]
    pub trait Sealed {}

    impl<T> Sealed for tonic::Request<T> {}
}

impl<T> RequestExt for Request<T> {
    fn caller(&self) -> Result<&IdInfo, Status> {
        required_identity(self.extensions()).map_err(|rejection| {
            rejection.record();
            match rejection {
                Rejection::CredentialsMissing => Status::unauthenticated("authentication required"),
                _ => Status::internal("server error"),
            }
        })
    }
}
