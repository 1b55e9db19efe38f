//! The few HTTP exchanges this project makes of its own: small, bounded, never redirected.

mod dns;
mod error;
mod client;
mod reqwest_client;
mod proxy;
mod reqwest_error;
mod response;
mod settings;
mod tls;
mod tls_failure;

pub use self::{
    error::{TransportError, TransportErrorKind},
    client::{HttpClient, ResponseLimits, Idempotent, Transport, request_to},
    reqwest_client::{ReqwestHttpClient, USER_AGENT},
    settings::{TransportSettings, Transports},
    tls_failure::TlsFailure,
};

#[cfg(test)]
mod tests;
