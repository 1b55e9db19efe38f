//! The areas that are measured, one file each. Each returns sections of the page.

pub mod cold_start;
pub mod end_to_end;
pub mod fleet;
pub mod growth;
pub mod inbound_cost;
mod inbound_on_axum;
mod inbound_rejections;
mod inbound_stage;
pub mod inbound_stress;
pub mod instructions;
pub mod outbound_behaviour;
pub mod outbound_cost;
pub mod outbound_threads;
mod paired;
pub mod sidecar;

use tokio::runtime::Runtime;

use crate::rig::Effort;

/// The environment of a measurement.
#[derive(Debug)]
pub struct World {
    /// Runs the issuers and the background tasks of the contenders.
    pub background: Runtime,
    pub effort: Effort,
    pub is_quick: bool,
}

impl World {
    pub fn new(is_quick: bool) -> Self {
        let background = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Self {
            background: background.expect("the runtime is built"),
            effort: if is_quick { Effort::QUICK } else { Effort::FULL },
            is_quick,
        }
    }
}
