//! The HTTP client for requests to issuers and vaults. Responses are limited in time and size,
//! and redirects are not followed.

mod client;
mod dns;
mod error;
mod proxy;
mod reqwest_client;
mod reqwest_error;
mod response;
mod settings;
mod tls;
mod tls_failure;

pub use self::{
    client::{HttpClient, Idempotent, ResponseLimits, Transport, request_to},
    error::{TransportError, TransportErrorKind},
    reqwest_client::{ReqwestHttpClient, USER_AGENT},
    settings::{TransportPool, TransportSettings},
    tls_failure::TlsFailure,
};

#[cfg(test)]
mod tests;
