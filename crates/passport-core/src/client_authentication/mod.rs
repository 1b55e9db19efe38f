//! Client authentication at an endpoint of an issuer: the methods, and the authenticated request
//! ([RFC 6749, section 2.3](https://www.rfc-editor.org/rfc/rfc6749#section-2.3)).

mod assertion;
mod error;
mod form;
mod method;
mod proof;

pub use self::{
    assertion::{InvalidPrivateKey, PrivateKeyJwt, SigningAlgorithm},
    error::ClientAuthenticationError,
    form::Form,
    method::ClientAuthentication,
    proof::ClientProof,
};
