//! The sidecar as a source of tokens: a process on the same machine that has the credentials.

mod endpoint;
mod source;

pub use self::endpoint::{InvalidSidecarEndpoint, SidecarEndpoint};
pub(crate) use self::source::SidecarSource;
