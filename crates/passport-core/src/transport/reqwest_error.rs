//! Conversion of reqwest errors to [`TransportError`]s.

use std::error::Error;

use super::{
    dns::UnknownHost,
    error::{TransportError, TransportErrorKind},
    tls_failure::TlsFailure,
};
use crate::error_chain::chain;

/// The end of the message for a tunnel that a proxy rejects. The type of the error is not
/// public.
const PROXY_AUTHENTICATION: &str = "proxy authorization required";

/// Part of hyper's message for too many or too large headers. The method that detects it is not
/// available for clients.
const HEAD_TOO_LARGE: &str = "head is too large";

/// Returns the error of a failed request.
pub(super) fn classified(error: reqwest::Error) -> TransportError {
    let kind = if error.is_timeout() && !error.is_connect() {
        TransportErrorKind::Timeout
    } else if error.is_connect() {
        TransportErrorKind::Connect
    } else {
        TransportErrorKind::ConnectionClosed
    };
    from_reqwest(kind, error)
}

/// Returns an error of `kind`, or of a more precise kind that the causes indicate.
///
/// The URL is removed, because its query may be confidential.
pub(super) fn from_reqwest(kind: TransportErrorKind, error: reqwest::Error) -> TransportError {
    let unparsed = chain(&error).find(|cause| cause.downcast_ref().is_some_and(hyper::Error::is_parse));
    let kind = if let Some(failure) = TlsFailure::find(&error) {
        TransportErrorKind::Tls(failure)
    } else if chain(&error).any(|cause| cause.to_string().ends_with(PROXY_AUTHENTICATION)) {
        TransportErrorKind::ProxyAuthentication
    } else if chain(&error).any(<dyn Error>::is::<UnknownHost>) {
        TransportErrorKind::Dns
    } else if let Some(unparsed) = unparsed {
        let is_too_large = unparsed.to_string().contains(HEAD_TOO_LARGE);
        if is_too_large { TransportErrorKind::TooLarge } else { TransportErrorKind::NotHttp }
    } else {
        kind
    };
    TransportError::new(kind).with_source(error.without_url())
}
