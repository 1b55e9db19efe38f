//! Maps transport errors to failures of a token fetch.

use passport_core::{TransportError, TransportErrorKind};

use crate::token::{FetchFailure, TokenErrorKind};

/// Converts `error` to the failure of a token request that got no usable HTTP response.
pub(super) fn no_response(error: TransportError) -> FetchFailure {
    let kind = match error.kind() {
        TransportErrorKind::Tls(failure) => TokenErrorKind::Tls(failure),
        TransportErrorKind::UnexpectedEncoding(_) | TransportErrorKind::TooLarge => {
            TokenErrorKind::InvalidResponse
        }
        _ if !error.is_transient() => TokenErrorKind::Misconfigured,
        _ => TokenErrorKind::Unavailable,
    };
    FetchFailure { is_permanent: !error.is_transient(), ..FetchFailure::of(kind) }.with_source(error)
}

#[cfg(test)]
mod tests;
