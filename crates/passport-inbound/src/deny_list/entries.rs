//! The entries of a deny list: what is inserted, merged, removed and refused. Does no I/O. The
//! time is an argument, in whole seconds since 1970.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Mutex, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use foldhash::fast::RandomState;

use super::{
    groups::Groups,
    key::{CallerKeys, DenialKey},
    options::FullPolicy,
    order::{Item, Order},
    record::{DenialRecord, Group},
};

/// The number of parts of the table. A reader waits only for a change of the part that it reads.
const SHARDS: usize = 64;

/// The share of the capacity that a full list frees: 1/256, at least one entry. Refusing groups
/// reads the whole table, which is then 256 entries for each insertion, and costs microseconds. At
/// most 0.4 % of the entries are replaced earlier than necessary.
const FREED_SHARE: usize = 256;

/// The minimum time between two searches for expired entries in the whole table, in seconds.
const SWEEP_PAUSE: u32 = 60;

/// The limits of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) capacity: usize,
    pub(super) when_full: FullPolicy,
    /// The longest life of a token, in seconds, rounded up.
    pub(super) retention: u32,
}

/// The entries. Readers lock one part of the table. Writers also lock the ledger.
#[derive(Debug)]
pub(super) struct Entries {
    shards: Box<[RwLock<Shard>]>,
    ledger: Mutex<Ledger>,
    len: AtomicUsize,
}

type Shard = HashMap<DenialKey, Entry, RandomState>;

#[derive(Clone, Copy, Debug)]
struct Entry {
    issued_before: u32,
    expires_at: u32,
    /// The position of the group of the entry.
    group: u32,
    /// The stamp of the last denial in the order of denials.
    stamp: u32,
}

/// What only writers need.
#[derive(Debug, Default)]
struct Ledger {
    order: Order,
    groups: Groups,
    last_sweep: u32,
}

impl Entry {
    /// Returns the record of the entry with this key.
    fn record(self, key: DenialKey, ledger: &Ledger) -> Option<DenialRecord> {
        let Self { issued_before, expires_at, group, .. } = self;
        Some(DenialRecord { key, group: ledger.groups.get(group)?, issued_before, expires_at })
    }
}

/// What an insertion has changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Inserted {
    /// Whether the list refuses a token that it did not refuse before.
    pub(super) has_changed: bool,
    /// The entries that refuse a tenant or an issuer, because the list was full.
    pub(super) refused: Vec<DenialRecord>,
    /// The number of entries that were dropped, because the list was full.
    pub(super) dropped: usize,
}

impl Entries {
    pub(super) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            ledger: Mutex::default(),
            len: AtomicUsize::new(0),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Returns whether an entry refuses a token of a caller that was issued at `issued_at`. `now`
    /// is called only for an entry that matches. A concurrent insertion never hides an entry,
    /// because the keys are read in the order in which a full list replaces their entries.
    pub(super) fn refuse(&self, caller: &CallerKeys, issued_at: u32, now: impl Fn() -> u32) -> bool {
        let refuses = |entry: Entry| issued_at <= entry.issued_before && now() < entry.expires_at;
        caller.iter().any(|key| self.get(*key).is_some_and(refuses))
    }

    /// Inserts a record, unless it refuses no token that the list does not refuse already.
    pub(super) fn insert(&self, record: DenialRecord, limits: &Limits, now: u32) -> Inserted {
        let mut inserted = Inserted::default();
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        if record.expires_at <= now || self.covers(&ledger, &record) {
            return inserted;
        }
        inserted.has_changed = true;
        if !self.extend(&mut ledger, &record) {
            self.make_room(&mut ledger, limits, now, &mut inserted);
            // The refusal of a full group can have the key of the record.
            if !self.covers(&ledger, &record) && !self.extend(&mut ledger, &record) {
                self.add(&mut ledger, record);
            }
        }
        ledger.order.compact(self.len(), |item| self.current(item).is_some());
        inserted
    }

    /// Removes expired entries. If the list is still full, replaces or drops entries.
    fn make_room(&self, ledger: &mut Ledger, limits: &Limits, now: u32, inserted: &mut Inserted) {
        self.remove_expired(ledger, now);
        if self.len() >= limits.capacity {
            self.sweep(ledger, now);
        }
        while self.len() >= limits.capacity {
            let has_room = match limits.when_full {
                FullPolicy::RefuseTenant => self.refuse_groups(ledger, limits, now, inserted),
                FullPolicy::DropOldest => self.drop_oldest(ledger, inserted),
            };
            if !has_room {
                break;
            }
        }
    }

    /// Returns all entries, in the order of their last denials.
    pub(super) fn records(&self) -> Vec<DenialRecord> {
        let ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let record = |item: &Item| self.current(item)?.record(item.key, &ledger);
        ledger.order.iter().filter_map(record).collect()
    }

    /// Returns the entries that have not expired and refuse tokens that none of `records` refuses.
    pub(super) fn missing_in(&self, records: &[DenialRecord], now: u32) -> Vec<DenialRecord> {
        let mut merged: HashMap<DenialKey, DenialRecord, RandomState> = HashMap::default();
        for record in records {
            merged.entry(record.key).and_modify(|other| *other = other.merged(record)).or_insert(*record);
        }
        let is_missing = |entry: &DenialRecord| {
            entry.expires_at > now && !entry.is_covered(|key| merged.get(&key).copied())
        };
        self.records().into_iter().filter(is_missing).collect()
    }

    /// Returns whether the list refuses each token that `record` refuses, for at least as long,
    /// also after it has replaced entries.
    fn covers(&self, ledger: &Ledger, record: &DenialRecord) -> bool {
        record.is_covered(|key| self.get(key)?.record(key, ledger))
    }

    /// Merges `record` into the entry with the same key, as [`DenialRecord::merged`] does. Returns
    /// `false` if there is none.
    fn extend(&self, ledger: &mut Ledger, record: &DenialRecord) -> bool {
        let mut shard = self.shard(record.key).write().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = shard.get_mut(&record.key) else { return false };
        entry.issued_before = entry.issued_before.max(record.issued_before);
        entry.expires_at = entry.expires_at.max(record.expires_at);
        entry.group = ledger.groups.join(entry.group, record.group);
        entry.stamp = ledger.order.push(record.key);
        true
    }

    /// Adds an entry for a record whose key has none.
    fn add(&self, ledger: &mut Ledger, record: DenialRecord) {
        let DenialRecord { key, issued_before, expires_at, .. } = record;
        let (group, stamp) = (ledger.groups.add(record.group), ledger.order.push(key));
        let entry = Entry { issued_before, expires_at, group, stamp };
        self.shard(key).write().unwrap_or_else(PoisonError::into_inner).insert(key, entry);
        self.len.fetch_add(1, Ordering::Relaxed);
    }

    /// Removes the entry of a key whose item is no longer in the order.
    fn remove(&self, ledger: &mut Ledger, key: DenialKey, group: u32) {
        self.shard(key).write().unwrap_or_else(PoisonError::into_inner).remove(&key);
        ledger.groups.remove(group);
        self.len.fetch_sub(1, Ordering::Relaxed);
    }

    /// Removes the oldest entries as long as they have expired. Most entries live equally long, so
    /// that an insertion removes about one.
    fn remove_expired(&self, ledger: &mut Ledger, now: u32) {
        while let Some(item) = ledger.order.front() {
            let entry = self.current(&item);
            if entry.is_some_and(|entry| entry.expires_at > now) {
                return;
            }
            ledger.order.pop();
            if let Some(entry) = entry {
                self.remove(ledger, item.key, entry.group);
            }
        }
    }

    /// Removes all expired entries, at most once a minute.
    fn sweep(&self, ledger: &mut Ledger, now: u32) {
        // A clock that was set back does not stop the sweeps.
        if now.abs_diff(ledger.last_sweep) >= SWEEP_PAUSE {
            ledger.last_sweep = now;
            self.remove_if(ledger, |_, entry| entry.expires_at <= now);
        }
    }

    /// Removes the entries for which `is_removed` returns `true`. Their items in the order become
    /// outdated.
    fn remove_if(&self, ledger: &mut Ledger, is_removed: impl Fn(&DenialKey, &Entry) -> bool) {
        let mut removed = 0;
        for shard in &self.shards {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            shard.retain(|key, entry| {
                let is_removed = is_removed(key, entry);
                if is_removed {
                    removed += 1;
                    ledger.groups.remove(entry.group);
                }
                !is_removed
            });
        }
        self.len.fetch_sub(removed, Ordering::Relaxed);
    }

    /// Drops the entry whose last denial is the oldest. Returns `false` if there is none.
    fn drop_oldest(&self, ledger: &mut Ledger, inserted: &mut Inserted) -> bool {
        while let Some(item) = ledger.order.pop() {
            if let Some(entry) = self.current(&item) {
                self.remove(ledger, item.key, entry.group);
                inserted.dropped += 1;
                return true;
            }
        }
        false
    }

    /// Replaces the entries of the largest groups, each by one entry that refuses all tokens of the
    /// group that were issued until now, so that a share of the capacity is free. Reads the whole
    /// table once to collect the times of the groups, and once to remove their entries. Returns
    /// `false` if that makes no room.
    fn refuse_groups(&self, ledger: &mut Ledger, limits: &Limits, now: u32, inserted: &mut Inserted) -> bool {
        let share = (limits.capacity / FREED_SHARE).max(1);
        let scopes = ledger.groups.largest((self.len() + share).saturating_sub(limits.capacity));
        let members = ledger.groups.members(&scopes);
        let refusals = self.refusals(&scopes, &members, limits, now);
        // The refusals take effect before the entries that they replace are removed.
        for refusal in &refusals {
            if !self.extend(ledger, refusal) {
                self.add(ledger, *refusal);
            }
        }
        let kept: HashSet<DenialKey, RandomState> = scopes.iter().map(|scope| scope.key).collect();
        self.remove_if(ledger, |key, entry| members.contains_key(&entry.group) && !kept.contains(key));
        inserted.refused.extend(refusals);
        !scopes.is_empty()
    }

    /// Returns the records that refuse all tokens of the scopes that were issued until now, and all
    /// tokens that their entries refuse. `members` has the index of the scope of each group.
    fn refusals(
        &self,
        scopes: &[Group],
        members: &HashMap<u32, usize, RandomState>,
        limits: &Limits,
        now: u32,
    ) -> Vec<DenialRecord> {
        // `now` is rounded down, and the end of an entry is rounded up.
        let expires_at = now.saturating_add(limits.retention).saturating_add(1);
        let refusal =
            |scope: &Group| DenialRecord { key: scope.key, group: *scope, issued_before: now, expires_at };
        let mut refusals: Vec<DenialRecord> = scopes.iter().map(refusal).collect();
        for shard in &self.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            for entry in shard.values() {
                let Some(&index) = members.get(&entry.group) else { continue };
                let refusal = &mut refusals[index];
                refusal.issued_before = refusal.issued_before.max(entry.issued_before);
                refusal.expires_at = refusal.expires_at.max(entry.expires_at);
            }
        }
        refusals
    }

    /// Returns the entry of an item, unless the item is outdated.
    fn current(&self, item: &Item) -> Option<Entry> {
        self.get(item.key).filter(|entry| entry.stamp == item.stamp)
    }

    fn get(&self, key: DenialKey) -> Option<Entry> {
        self.shard(key).read().unwrap_or_else(PoisonError::into_inner).get(&key).copied()
    }

    fn shard(&self, key: DenialKey) -> &RwLock<Shard> {
        &self.shards[usize::from(key.0[0]) % SHARDS]
    }
}

#[cfg(test)]
mod tests;
