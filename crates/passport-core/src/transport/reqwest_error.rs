//! Conversion of reqwest errors to [`TransportError`]s.

use std::error::Error;

use super::{
    dns::UnknownHost,
    error::{TransportError, TransportErrorKind},
    tls_failure::TlsFailure,
};
use crate::error_chain::chain;

/// The end of the error message for a proxy that rejects a tunnel with status 407. The text is
/// compared because the type of the error is not public.
const PROXY_AUTHENTICATION: &str = "proxy authorization required";

/// Part of hyper's error message for too many or too large headers. The text is compared because
/// hyper's method that detects this error is not available for clients.
const HEAD_TOO_LARGE: &str = "head is too large";

/// Converts the error of sending a request or reading its response with reqwest, and determines
/// the kind of the error.
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

/// Converts reqwest's error to an error of `kind`, or of a more precise kind that the causes of
/// `error` indicate.
///
/// The URL is removed from the error, because the query of a URL can be confidential.
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
