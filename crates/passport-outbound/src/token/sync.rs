//! The synchronization primitives of the token entry. `tests/model` compiles the entry with
//! loom's primitives instead, and explores the interleavings of threads.

pub(crate) use std::sync::{Mutex, MutexGuard};

pub(crate) use arc_swap::{ArcSwap, Guard};
pub(crate) use passport_core::{Attempt, SharedTask, TaskLimits, Waiter};
