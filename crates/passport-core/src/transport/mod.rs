//! The few HTTP exchanges this project makes of its own: small, bounded, never redirected.

mod dns;
mod error;
mod exchange;
mod http;
mod proxy;
mod reqwest_error;
mod response;
mod settings;
mod tls;
mod tls_failure;

pub use self::{
    error::{TransportError, TransportErrorKind},
    exchange::{HttpClient, ResponseLimits, Repeatable, Transport, request_to},
    http::{HttpTransport, USER_AGENT},
    settings::{TransportSettings, Transports},
    tls_failure::TlsFailure,
};

#[cfg(test)]
mod tests;
