//! Counts the entries of each group: of each tenant, or of an issuer if the tenants are unknown.
//! Pure.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use super::{key::DenialKey, record::Group};

/// The number of entries of each group. An entry refers to its group by a position, which needs
/// less memory than a key.
#[derive(Debug, Default)]
pub(super) struct Groups {
    positions: HashMap<DenialKey, u32, RandomState>,
    slots: Vec<Slot>,
    /// The positions of slots without entries.
    free: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    group: Group,
    entries: usize,
}

impl Groups {
    /// Counts another entry of a group. Returns the position of the group.
    pub(super) fn add(&mut self, group: Group) -> u32 {
        if let Some(&position) = self.positions.get(&group.key) {
            self.slots[position as usize].entries += 1;
            return position;
        }
        let slot = Slot { group, entries: 1 };
        let position = if let Some(position) = self.free.pop() {
            self.slots[position as usize] = slot;
            position
        } else {
            self.slots.push(slot);
            // There are at most as many groups as entries.
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        };
        self.positions.insert(group.key, position);
        position
    }

    /// Counts an entry less of the group at this position.
    pub(super) fn remove(&mut self, position: u32) {
        let Some(slot) = self.slots.get_mut(position as usize).filter(|slot| slot.entries > 0) else {
            return;
        };
        slot.entries -= 1;
        if slot.entries == 0 {
            self.positions.remove(&slot.group.key);
            self.free.push(position);
        }
    }

    /// Returns the group with the most entries, if it has more than one.
    pub(super) fn largest(&self) -> Option<Group> {
        let largest = self.slots.iter().max_by_key(|slot| slot.entries)?;
        (largest.entries > 1).then_some(largest.group)
    }

    /// Returns the number of entries of an issuer, in all its groups.
    pub(super) fn entries_of_issuer(&self, issuer: DenialKey) -> usize {
        let own = self.slots.iter().filter(|slot| slot.group.issuer == issuer);
        own.map(|slot| slot.entries).sum()
    }

    /// Returns the positions of the groups that `scope` refuses: the group itself, or all groups of
    /// its issuer.
    pub(super) fn members(&self, scope: Group) -> HashSet<u32, RandomState> {
        let is_member =
            |group: &Group| group.key == scope.key || scope.is_issuer() && group.issuer == scope.issuer;
        let slots = (0_u32..).zip(&self.slots);
        slots.filter(|(_, slot)| slot.entries > 0 && is_member(&slot.group)).map(|(at, _)| at).collect()
    }

    /// Returns the group at this position.
    pub(super) fn get(&self, position: u32) -> Option<Group> {
        self.slots.get(position as usize).map(|slot| slot.group)
    }
}
