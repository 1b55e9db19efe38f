//! Implements the traits of the middleware for the request and response types of each supported
//! client.

mod http;
#[cfg(feature = "reqwest")]
mod reqwest;
#[cfg(feature = "reqwest-middleware")]
mod reqwest_middleware;
