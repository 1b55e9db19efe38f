//! The primitives of `crates/*/src/sync.rs`, implemented with loom.

use std::{ops::Deref, sync::Arc};

pub(crate) use loom::sync::{Mutex, MutexGuard};

pub(crate) use crate::shared_task::{Attempt, SharedTask, TaskLimits, Waiter};

/// A stand-in for `arc_swap::ArcSwap`. Each load and store is one step.
#[derive(Debug, Default)]
pub(crate) struct ArcSwap<T>(Mutex<Arc<T>>);

pub(crate) struct Guard<T>(T);

impl<T> Deref for Guard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> ArcSwap<T> {
    pub(crate) fn load(&self) -> Guard<Arc<T>> {
        Guard(self.load_full())
    }

    pub(crate) fn load_full(&self) -> Arc<T> {
        Arc::clone(&self.0.lock().unwrap())
    }

    pub(crate) fn store(&self, value: Arc<T>) {
        *self.0.lock().unwrap() = value;
    }
}
