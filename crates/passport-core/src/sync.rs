//! The locks of the shared task. `tests/model` compiles it against loom's instead, and tries the
//! orders in which threads may meet.

pub(crate) use std::sync::{Mutex, MutexGuard};
