//! Responses to rejected requests, and the response futures and bodies of the middleware.

pub(crate) mod body;
pub(crate) mod challenges;
pub(crate) mod drain;
pub(crate) mod future;
pub(crate) mod protocol;
pub(crate) mod rejected;
pub(crate) mod rejection;
pub(crate) mod rejection_body;
pub(crate) mod rejection_config;
pub(crate) mod render;
pub(crate) mod unmet_requirement;
