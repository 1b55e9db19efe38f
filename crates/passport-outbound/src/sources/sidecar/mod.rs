//! The sidecar as a source of tokens: a process on the same machine that has the credentials.

mod endpoint;
mod source;

pub use self::endpoint::{InvalidSidecar, Sidecar};
pub(crate) use self::source::SidecarSource;
