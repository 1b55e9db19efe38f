//! What the single flight is made of. `tests/model` compiles it against loom's primitives instead of these, and tries the
//! orders in which threads may meet.

pub(crate) use std::sync::{Mutex, MutexGuard};
