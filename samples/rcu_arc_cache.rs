// SPDX-License-Identifier: GPL-2.0

//! A cache of reference-counted objects. A reader looks an object up under RCU and keeps it, without
//! a lock and without `unsafe`.

#![deny(unsafe_code)]

pub mod rcu;

use kernel::{new_mutex, prelude::*, sync::Arc};
use rcu::{Entry, HashTable, Keyed, Reclaim, Softirq, UpdaterLock};

rcu::drained_module! {
    type: Sample,
    name: "rcu_arc_cache",
    authors: ["The rust_rcu_demo maintainers"],
    description: "Sample: reference-counted objects in a cache protected by RCU, in safe Rust",
    license: "GPL",
}

/// An object that outlives its place in the cache while someone uses it.
struct Session {
    id: u64,
    user: &'static str,
}

impl Drop for Session {
    fn drop(&mut self) {
        pr_info!("session {} freed\n", self.id);
    }
}

impl Keyed for Session {
    type Key = u64;

    fn key(&self) -> &u64 {
        &self.id
    }
}

/// The last reference may be the cache's, which a callback drops. The destructor never sleeps.
impl Reclaim for Session {
    type Context = Softirq;
}

/// The cache owns one reference to each session. It drops the reference after a grace period, so a
/// reader that finds the session can always add one.
#[pin_data]
struct Cache {
    #[pin]
    sessions: HashTable<Arc<Session>, Cache, 64>,
}

/// Looks a session up and keeps it. It neither waits nor allocates.
fn find(cache: &Cache, id: u64) -> Option<Arc<Session>> {
    let guard = rcu::read_lock();
    cache.sessions.get(&id, &guard).cloned()
}

fn insert(cache: &UpdaterLock<Cache>, id: u64, user: &'static str) -> Result {
    let session = Arc::new(Session { id, user }, GFP_KERNEL)?;
    let entry = Entry::new(session, GFP_KERNEL)?;
    let mut updater = cache.lock();
    drop(updater.select(|cache| &cache.sessions).insert(entry));
    Ok(())
}

fn remove(cache: &UpdaterLock<Cache>, id: u64) {
    let mut updater = cache.lock();
    if let Some(old) = updater.select(|cache| &cache.sessions).remove(&id) {
        old.call_rcu();
    }
}

#[pin_data]
struct Sample {
    #[pin]
    cache: UpdaterLock<Cache>,
}

impl kernel::InPlaceModule for Sample {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let cache = pin_init!(Cache { sessions <- HashTable::new(rcu::random_seed()) });
        try_pin_init!(Self {
            cache <- UpdaterLock::new(cache, new_mutex!((), "cache")),
            _: {
                insert(&cache, 1, "root")?;
                insert(&cache, 2, "daemon")?;
                let kept = find(&cache, 1);
                remove(&cache, 1);
                // Wait for the callback that drops the cache's reference.
                rcu::barrier();
                if let Some(session) = kept {
                    let is_cached = find(&cache, 1).is_some();
                    pr_info!("session {} of {} kept, cached: {is_cached}\n", session.id, session.user);
                }
            },
        })
    }
}
