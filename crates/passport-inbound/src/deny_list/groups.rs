//! Counts the entries of each group: of each tenant, or of an issuer if the tenants are unknown.
//! Selects the groups that a full list refuses. Pure.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet},
};

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

/// The groups that a full list refuses.
#[derive(Debug, Default)]
struct Selection {
    /// The groups, with the number of entries that each frees.
    groups: Vec<(Group, usize)>,
    /// The issuers that are refused as a whole.
    issuers: HashSet<DenialKey, RandomState>,
    freed: usize,
}

impl Selection {
    /// Adds a group with this number of entries, unless its issuer is selected already.
    fn add(&mut self, group: Group, entries: usize) {
        if self.issuers.contains(&group.issuer) {
            return;
        }
        if group.is_issuer() {
            // The refusal of an issuer replaces those of its tenants.
            let of_issuer = self.groups.extract_if(.., |(tenant, _)| tenant.issuer == group.issuer);
            self.freed -= of_issuer.map(|(_, freed)| freed).sum::<usize>();
            self.issuers.insert(group.issuer);
        }
        // The refusal of the group is an entry.
        let freed = entries.saturating_sub(1);
        self.groups.push((group, freed));
        self.freed += freed;
    }
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

    /// Counts an entry of the group at this position as one of both groups. Returns the position of
    /// its group from now on.
    pub(super) fn join(&mut self, position: u32, group: Group) -> u32 {
        match self.get(position) {
            Some(own) if own.joined(group) != own => {
                self.remove(position);
                self.add(own.joined(group))
            }
            _ => position,
        }
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

    /// Returns the groups that a full list refuses, so that `needed` entries become free: the
    /// groups with the most entries. If all of these free fewer, the issuers with the most entries
    /// are refused as a whole. A group or an issuer with one entry frees none.
    pub(super) fn largest(&self, needed: usize) -> Vec<Group> {
        let issuers = self.entries_of_issuers();
        let sizes = (0_u32..).zip(&self.slots).map(|(position, slot)| (slot.entries, position));
        let mut groups: BinaryHeap<_> = sizes.filter(|(entries, _)| *entries > 1).collect();
        let mut selection = Selection::default();
        while selection.freed < needed
            && let Some((entries, position)) = groups.pop()
        {
            let group = self.slots[position as usize].group;
            // The refusal of an issuer also replaces the entries of its tenants.
            let of_issuer = issuers.get(&group.issuer).filter(|_| group.is_issuer());
            selection.add(group, of_issuer.copied().unwrap_or(entries));
        }
        if selection.freed < needed {
            let mut issuers: Vec<_> = issuers.into_iter().filter(|(_, entries)| *entries > 1).collect();
            issuers.sort_unstable_by_key(|(_, entries)| Reverse(*entries));
            for (issuer, entries) in issuers {
                if selection.freed >= needed {
                    break;
                }
                selection.add(Group::of_issuer(issuer), entries);
            }
        }
        selection.groups.into_iter().map(|(group, _)| group).collect()
    }

    /// Returns the number of entries of each issuer, in all its groups.
    fn entries_of_issuers(&self) -> HashMap<DenialKey, usize, RandomState> {
        let mut issuers: HashMap<DenialKey, usize, RandomState> = HashMap::default();
        for slot in &self.slots {
            *issuers.entry(slot.group.issuer).or_default() += slot.entries;
        }
        issuers
    }

    /// Returns the positions of the groups that `scopes` refuse, each with the index of its scope:
    /// the group itself, or its issuer.
    pub(super) fn members(&self, scopes: &[Group]) -> HashMap<u32, usize, RandomState> {
        let scopes: HashMap<_, _, RandomState> =
            scopes.iter().zip(0_usize..).map(|(scope, index)| (scope.key, index)).collect();
        let scope_of = |group: &Group| scopes.get(&group.issuer).or_else(|| scopes.get(&group.key)).copied();
        let slots = (0_u32..).zip(&self.slots).filter(|(_, slot)| slot.entries > 0);
        slots.filter_map(|(position, slot)| Some((position, scope_of(&slot.group)?))).collect()
    }

    /// Returns the group at this position.
    pub(super) fn get(&self, position: u32) -> Option<Group> {
        self.slots.get(position as usize).map(|slot| slot.group)
    }
}

#[cfg(test)]
mod tests;
