//! What a fleet costs its issuer.

pub mod simulation;
pub mod worker;
