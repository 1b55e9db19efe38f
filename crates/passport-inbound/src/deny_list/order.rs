//! The order in which the entries of a deny list were last denied. Pure.

use std::collections::VecDeque;

use super::key::DenialKey;

/// How many outdated items the order can have, beyond a quarter of the entries.
const SPARE_ITEMS: usize = 1024;

/// The keys of the entries, in the order of their last denials.
///
/// An entry has the stamp of its item. If a subject is denied again, its key gets another item with
/// a new stamp, and its older item is outdated. So is the item of a removed entry. Outdated items
/// are removed together when there are many, so that a denial costs constant time on average.
#[derive(Debug, Default)]
pub(super) struct Order {
    items: VecDeque<Item>,
    last_stamp: u32,
}

/// The key of an entry, and the stamp of one of its denials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) key: DenialKey,
    pub(super) stamp: u32,
}

impl Order {
    /// Adds an item for the latest denial. Returns its stamp.
    pub(super) fn push(&mut self, key: DenialKey) -> u32 {
        // Two items of one key never have the same stamp: there are fewer items than stamps.
        self.last_stamp = self.last_stamp.wrapping_add(1);
        self.items.push_back(Item { key, stamp: self.last_stamp });
        self.last_stamp
    }

    /// Returns the oldest item.
    pub(super) fn front(&self) -> Option<Item> {
        self.items.front().copied()
    }

    /// Removes and returns the oldest item.
    pub(super) fn pop(&mut self) -> Option<Item> {
        self.items.pop_front()
    }

    /// Returns all items, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Item> {
        self.items.iter()
    }

    /// Removes the outdated items if there are many. `entries` is the number of entries.
    pub(super) fn compact(&mut self, entries: usize, is_current: impl Fn(&Item) -> bool) {
        if self.items.len() > entries + entries / 4 + SPARE_ITEMS {
            self.items.retain(is_current);
        }
    }
}

#[cfg(test)]
mod tests;
