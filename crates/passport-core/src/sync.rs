//! The locks of the single flight and the shared task. `tests/model` compiles both against loom's
//! instead, and tries the orders in which threads may meet.

pub(crate) use std::sync::{Mutex, MutexGuard};
