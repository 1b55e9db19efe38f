//! The locks of [`SharedTask`](crate::SharedTask). `tests/model` replaces this module with
//! loom's locks, to test all interleavings of threads.

pub(crate) use std::sync::{Mutex, MutexGuard};
