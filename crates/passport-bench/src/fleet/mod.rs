//! The load of a fleet on its issuer.

pub mod simulation;
pub mod worker;
