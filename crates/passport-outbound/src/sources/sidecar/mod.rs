//! A token source that fetches tokens from a sidecar: a process on the same machine that has
//! the credentials.

mod endpoint;
mod source;

pub use self::endpoint::{InvalidSidecarEndpoint, SidecarEndpoint};
pub(crate) use self::source::SidecarSource;
