//! Why denials are not saved or not shared at the moment, for the health of a list.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The failures that are not repaired yet. A later denial that is saved and shared does not repair
/// an earlier failure.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Why denials are not in the file.
    unsaved: Option<String>,
    /// Why the store possibly lacks denials.
    unshared: Option<String>,
    /// The number of denials that were possibly not shared.
    count: u64,
}

/// The number of failures before entries are published again.
#[derive(Clone, Copy, Debug)]
pub(super) struct FailuresBefore(u64);

impl Failures {
    /// Remembers the result of saving. The failure is repaired only if `is_saved` returns that all
    /// denials are in the file. Returns whether the error is new.
    pub(super) fn set_saved(&self, error: Option<String>, is_saved: impl FnOnce() -> bool) -> bool {
        let mut state = self.state();
        if is_saved() {
            state.unsaved = None;
            return false;
        }
        let is_new = error.is_some() && error != state.unsaved;
        state.unsaved = error.or(state.unsaved.take());
        is_new
    }

    /// Remembers why the store possibly lacks a denial. Returns whether the error is new.
    pub(super) fn set_unshared(&self, error: String) -> bool {
        let mut state = self.state();
        state.count += 1;
        let error = Some(error);
        let is_new = error != state.unshared;
        state.unshared = error;
        is_new
    }

    /// Returns the number of failures until now. Call it before the entries are compared with the
    /// store.
    pub(super) fn before(&self) -> FailuresBefore {
        FailuresBefore(self.state().count)
    }

    /// Remembers that the store has all entries, unless a denial was not shared since `before`.
    pub(super) fn set_shared(&self, before: FailuresBefore) {
        let mut state = self.state();
        if state.count == before.0 {
            state.unshared = None;
        }
    }

    /// Returns the error of the file, or else that of the store.
    pub(super) fn last(&self) -> Option<String> {
        let state = self.state();
        state.unsaved.clone().or_else(|| state.unshared.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
