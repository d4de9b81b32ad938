// SPDX-License-Identifier: GPL-2.0

// The beginning of every case; `run` prepends it.

#![deny(unsafe_code)]
#![allow(dead_code, unused_imports, unused_variables, unused_mut, unreachable_pub)]

/// Used by `pr_err!`. In a module, `module!` defines it.
const __LOG_PREFIX: &[u8] = b"case\0";

mod rcu;

use core::{cell::Cell, marker::PhantomPinned, mem, sync::atomic::AtomicU32};
use kernel::{
    prelude::*,
    sync::{CondVar, Mutex, MutexGuard, SpinLock, SpinLockGuard},
};
use rcu::{
    read_lock, synchronize, Context, Entry, Flexible, Global, GracePeriod, Guard, HashTable, Keyed, List,
    Anywhere, Headless, Locked, Overlap, Polled, Rcu, UniqueRcuBox, ReadSide, Reclaim, Retired, Softirq, Srcu,
    SrcuGracePeriod, SrcuGuard, SrcuLock, SrcuPointer, SrcuReader, SrcuState, UpdateSide,
    UpdatedUnder, Updater, UpdaterLock, Workqueue,
};

struct Config {
    limit: u32,
}

impl Reclaim for Config {
    type Context = Softirq;
}

impl Keyed for Config {
    type Key = u32;

    fn key(&self) -> &u32 {
        &self.limit
    }
}

/// A state with an updater lock.
struct State {
    config: Rcu<Config, Locked<State>>,
    spare: Rcu<Config, Locked<State>>,
    list: List<Config, State>,
    table: HashTable<Config, State, 8>,
}

/// An object that must not move.
struct Pinned {
    limit: u32,
    _pin: PhantomPinned,
}

impl Reclaim for Pinned {
    type Context = Softirq;
}

/// `Handler<Any>` is a subtype of `Handler<Static>`.
struct Handler<F>(F);

impl<F: Send + Sync + 'static> Reclaim for Handler<F> {
    type Context = Softirq;
}

type Any = for<'a> fn(&'a u32);
type Static = fn(&'static u32);

fn new_config() -> Result<UniqueRcuBox<Config>> {
    Ok(UniqueRcuBox::new(Config { limit: 1 }, GFP_KERNEL)?)
}

fn new_entry() -> Result<UniqueRcuBox<Entry<Config>>> {
    Ok(Entry::new(Config { limit: 1 }, GFP_KERNEL)?)
}

fn needs_send<T: Send>(_: T) {}
fn needs_sync<T: Sync>(_: &T) {}

