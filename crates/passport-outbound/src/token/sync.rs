//! What the slot is made of. `tests/model` compiles the slot against loom's primitives instead of these, and tries the
//! orders in which threads may meet.

pub(crate) use std::sync::{Mutex, MutexGuard};

pub(crate) use arc_swap::{ArcSwap, Guard};
pub(crate) use passport_core::{Flight, Lead, SingleFlight};
