//! The token sources: the token endpoint of Passport, or a sidecar.

mod client_credentials;
mod sidecar;
mod token_response;
mod transport_failure;

pub use self::sidecar::{InvalidSidecarEndpoint, SidecarEndpoint};
pub(crate) use self::{client_credentials::ClientCredentials, sidecar::SidecarSource};
