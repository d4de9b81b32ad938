// SPDX-License-Identifier: GPL-2.0

//! A cache of names: readers find an entry under RCU, and check by its sequence count that its fields
//! belong together, without a lock and without `unsafe`. The pattern of `__d_lookup_rcu()`.

#![deny(unsafe_code)]

pub mod rcu;

use core::sync::atomic::{fence, AtomicU32, AtomicU64, Ordering};
use kernel::{new_mutex, prelude::*};
use rcu::{Entry, HashTable, Keyed, Reclaim, Softirq, UpdaterLock};

rcu::drained_module! {
    type: Sample,
    name: "rcu_dcache",
    authors: ["The rust_rcu_demo maintainers"],
    description: "Sample: a cache of names protected by RCU and sequence counts, in safe Rust",
    license: "GPL",
}

/// A name in a directory.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Name {
    parent: u64,
    name: &'static str,
}

/// The object behind a name.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Target {
    inode: u64,
    mode: u32,
}

/// An entry of the cache. Its name is fixed; its target changes in place.
struct Dentry {
    name: Name,
    /// Odd while the updater changes the target. Even numbers count the changes.
    sequence: AtomicU32,
    inode: AtomicU64,
    mode: AtomicU32,
}

/// A target, and the sequence at which the reader found it: C's `seqp`.
struct Found<'g> {
    dentry: &'g Dentry,
    sequence: u32,
    target: Target,
}

impl Dentry {
    fn new(name: Name, target: Target) -> Self {
        Self {
            name,
            sequence: AtomicU32::new(0),
            inode: AtomicU64::new(target.inode),
            mode: AtomicU32::new(target.mode),
        }
    }

    /// Reads the target. Returns `None` if an update runs.
    fn read(&self) -> Option<Found<'_>> {
        // ORDERING: Pairs with the release in `write()`: this reader sees the target of that number.
        let sequence = self.sequence.load(Ordering::Acquire);
        let target = Target {
            inode: self.inode.load(Ordering::Relaxed),
            mode: self.mode.load(Ordering::Relaxed),
        };
        let found = Found {
            dentry: self,
            sequence,
            target,
        };
        (sequence % 2 == 0 && found.is_valid()).then_some(found)
    }

    /// Changes the target. Only one updater may do so at a time.
    fn write(&self, target: Target) {
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence
            .store(sequence.wrapping_add(1), Ordering::Relaxed);
        // ORDERING: Pairs with the fence in `is_valid()`: a reader that sees a part of the new target
        // also sees the odd number.
        fence(Ordering::Release);
        self.inode.store(target.inode, Ordering::Relaxed);
        self.mode.store(target.mode, Ordering::Relaxed);
        // ORDERING: Pairs with the acquire in `read()`.
        self.sequence
            .store(sequence.wrapping_add(2), Ordering::Release);
    }

    /// Makes the numbers that readers have invalid: C's `write_seqcount_invalidate()`.
    fn invalidate(&self) {
        self.write(Target { inode: 0, mode: 0 });
    }
}

impl Found<'_> {
    /// Returns whether the target has not changed since it was found: C's `read_seqcount_retry()`.
    fn is_valid(&self) -> bool {
        // ORDERING: The reads of the target precede the read of the number.
        fence(Ordering::Acquire);
        self.dentry.sequence.load(Ordering::Relaxed) == self.sequence
    }
}

impl Keyed for Dentry {
    type Key = Name;

    fn key(&self) -> &Name {
        &self.name
    }
}

impl Reclaim for Dentry {
    type Context = Softirq;
}

#[pin_data]
struct Cache {
    #[pin]
    dentries: HashTable<Dentry, Cache, 64>,
}

/// Walks a path from a directory. It neither waits nor allocates.
///
/// Errors: `ENOENT` if a name is absent. `ECHILD` if an entry changed meanwhile: C's code then walks
/// again, with references and locks.
fn walk(cache: &Cache, mut directory: u64, path: &[&'static str]) -> Result<Target> {
    let guard = rcu::read_lock();
    let mut target = Target {
        inode: directory,
        mode: 0,
    };
    let mut parent: Option<Found<'_>> = None;
    for &name in path {
        let name = Name {
            parent: directory,
            name,
        };
        let dentry = cache.dentries.get(&name, &guard).ok_or(ENOENT)?;
        let found = dentry.read().ok_or(ECHILD)?;
        // The entry was found below a directory that may have changed meanwhile.
        if parent.is_some_and(|parent| !parent.is_valid()) {
            return Err(ECHILD);
        }
        target = found.target;
        directory = target.inode;
        parent = Some(found);
    }
    Ok(target)
}

fn add(cache: &UpdaterLock<Cache>, name: Name, target: Target) -> Result {
    let new = Entry::new(Dentry::new(name, target), GFP_KERNEL)?;
    let mut updater = cache.lock();
    if let Some(old) = updater.select(|cache| &cache.dentries).insert(new) {
        old.call_rcu();
    }
    Ok(())
}

/// Removes a name. A reader that has found the entry sees that it changed.
fn remove(cache: &UpdaterLock<Cache>, name: Name) -> Result {
    let mut updater = cache.lock();
    let mut dentries = updater.select(|cache| &cache.dentries);
    dentries.get(&name).ok_or(ENOENT)?.invalidate();
    if let Some(old) = dentries.remove(&name) {
        old.call_rcu();
    }
    Ok(())
}

#[pin_data]
struct Sample {
    #[pin]
    cache: UpdaterLock<Cache>,
}

/// Finds an entry, lets `update` run, and returns whether the found target is still valid.
fn is_valid_after(cache: &UpdaterLock<Cache>, name: Name, update: impl FnOnce(&Dentry)) -> bool {
    let guard = rcu::read_lock();
    let dentry = cache.dentries.get(&name, &guard);
    dentry.is_some_and(|dentry| {
        let found = dentry.read();
        update(dentry);
        found.is_some_and(|found| found.is_valid())
    })
}

impl kernel::InPlaceModule for Sample {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let cache = pin_init!(Cache { dentries <- HashTable::new(rcu::random_seed()) });
        try_pin_init!(Self {
            cache <- UpdaterLock::new(cache, new_mutex!((), "dentries")),
            _: {
                let etc = Name { parent: 1, name: "etc" };
                let hosts = Name { parent: 2, name: "hosts" };
                add(&cache, etc, Target { inode: 2, mode: 0o755 })?;
                add(&cache, hosts, Target { inode: 3, mode: 0o644 })?;
                let found = walk(&cache, 1, &["etc", "hosts"])?;
                pr_info!("inode {} mode {:o}\n", found.inode, found.mode);
                let absent = walk(&cache, 1, &["etc", "shadow"]) == Err(ENOENT);
                pr_info!("shadow is absent: {absent}\n");
                let is_valid = is_valid_after(&cache, hosts, |_| ());
                pr_info!("valid without a change: {is_valid}\n");
                // The updater's lock is not needed: nobody else can update the cache yet.
                let is_valid = is_valid_after(&cache, hosts, Dentry::invalidate);
                pr_info!("valid after a change: {is_valid}\n");
                remove(&cache, hosts)?;
                let absent = walk(&cache, 1, &["etc", "hosts"]) == Err(ENOENT);
                pr_info!("hosts is absent: {absent}\n");
            },
        })
    }
}
