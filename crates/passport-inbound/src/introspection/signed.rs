//! Signed answers ([RFC 9701](https://www.rfc-editor.org/rfc/rfc9701)). The module `verify` checks
//! them with the issuer's keys.

use std::{fmt, future::Future, pin::Pin, time::SystemTime};

use bytes::Bytes;

use crate::issuers::IssuerName;

/// The media type of a signed answer.
pub(super) const MEDIA_TYPE: &str = "application/token-introspection+jwt";

/// A future that verifies an answer. Returns the answer, and when the issuer signed it.
pub(crate) type VerifiedAnswer<'a> = Pin<Box<dyn Future<Output = Option<(Bytes, SystemTime)>> + Send + 'a>>;

/// Verifies signed answers.
pub(crate) trait VerifyAnswer: fmt::Debug + Send + Sync {
    /// Returns the answer (JSON) in a signed response of `issuer` to the client `client_id`, and
    /// its `iat`. `None` if the response is not valid, or cannot be verified now.
    fn verify<'a>(
        &'a self,
        response: &'a [u8],
        issuer: &'a IssuerName,
        client_id: &'a str,
    ) -> VerifiedAnswer<'a>;
}
