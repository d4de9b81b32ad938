// SPDX-License-Identifier: GPL-2.0

//! RCU with the library: each `NAME_rust()` corresponds to `NAME_c()` of `idiom.c`.

use core::{
    convert::Infallible,
    hash::{Hash, Hasher},
    mem,
};
use kernel::{
    prelude::*,
    sync::{Arc, Mutex, SpinLock},
    xarray::XArray,
};
use rcu::{
    find_and_lock, read_lock, xa_load, Flexible, Guard, Keyed, List, Locked, Rcu, RcuBox, Reclaim,
    ResizableTable, Retired, Softirq, SrcuPointer, UniqueRcuBox, UpdateSide, Updater, UpdaterLock,
};

/// The library.
pub mod rcu;

/// Functions that the checks must reject.
pub mod worse;

/// Used by `pr_err!`. In a module, `module!` defines it.
const __LOG_PREFIX: &[u8] = b"codegen\0";

/// C's `struct config`, without the head.
pub struct Config {
    value: i32,
}

impl Reclaim for Config {
    type Context = Softirq;
}

/// C's `struct state`, without the lock.
#[repr(C)]
pub struct State {
    generation: usize,
    config: Rcu<Config, Locked<State>>,
}

/// C's `struct session`, without the head.
#[pin_data]
pub struct Session {
    #[pin]
    packets: SpinLock<i32>,
}

impl Reclaim for Session {
    type Context = Softirq;
}

/// C's `struct resizable_entry`, without head and links.
pub struct Number {
    key: usize,
    value: i32,
}

impl Reclaim for Number {
    type Context = Softirq;
}

impl Keyed for Number {
    type Key = usize;

    fn key(&self) -> &usize {
        &self.key
    }
}

/// The state of a resizable table.
pub struct Numbers;

/// Reads inside a critical section of its own.
#[no_mangle]
pub fn read_rust(config: &Rcu<Config>) -> i32 {
    let guard = read_lock();
    config.dereference(&guard).map_or(-1, |found| found.value)
}

/// Reads inside its caller's critical section.
#[no_mangle]
pub fn dereference_rust(config: &Rcu<Config>, section: &Guard) -> i32 {
    config.dereference(section).map_or(-1, |found| found.value)
}

/// Returns the reference.
#[no_mangle]
pub fn reference_rust<'g>(config: &'g Rcu<Config>, section: &'g Guard) -> Option<&'g Config> {
    config.dereference(section)
}

/// Reads an element of an object of variable length.
#[no_mangle]
pub fn element_rust(table: &Rcu<Flexible<(), i32>>, index: usize, section: &Guard) -> i32 {
    let found = table.dereference(section);
    found
        .and_then(|table| table.elements.get(index).copied())
        .unwrap_or(-1)
}

/// Walks a list.
#[no_mangle]
pub fn list_sum_rust(list: &List<Config, State>, section: &Guard) -> i32 {
    let sum = |sum: i32, entry: &Config| sum.wrapping_add(entry.value);
    list.iter(section).fold(0, sum)
}

/// Finds a value in a table that may be resized meanwhile.
#[no_mangle]
pub fn resizable_rust(table: &ResizableTable<Number, Numbers>, key: usize, section: &Guard) -> i32 {
    table.get(&key, section).map_or(-1, |found| found.value)
}

/// Reads inside a critical section of its own that may sleep.
#[no_mangle]
pub fn srcu_read_rust(pointer: &SrcuPointer<Config>) -> i32 {
    let section = pointer.read_lock();
    section.dereference().map_or(-1, |found| found.value)
}

/// Publishes under the updaters' lock.
#[no_mangle]
pub fn replace_rust(
    mut config: UpdateSide<'_, Rcu<Config, Locked<State>>>,
    new: Option<UniqueRcuBox<Config>>,
) -> Option<Retired<Config>> {
    config.replace(new)
}

/// Reads, copies and updates under the updaters' lock.
#[no_mangle]
pub fn copy_update_rust(
    mut config: UpdateSide<'_, Rcu<Config, Locked<State>>>,
    mut new: UniqueRcuBox<Config>,
) -> Option<Retired<Config>> {
    let Ok(old) = config.copy_update(|old| {
        new.value = old.map_or(1, |old| old.value.wrapping_mul(3));
        Ok::<_, Infallible>(new)
    });
    old
}

/// Publishes by an exchange.
#[no_mangle]
pub fn exchange_rust(
    config: &Rcu<Config>,
    new: Option<UniqueRcuBox<Config>>,
) -> Option<Retired<Config>> {
    config.replace(new)
}

/// Publishes by an exchange, and frees the old object's memory after a grace period.
#[no_mangle]
pub fn kvfree_rust(config: &Rcu<Config>, new: Option<UniqueRcuBox<Config>>) {
    if let Some(old) = config.replace(new) {
        old.kvfree_rcu();
    }
}

/// Publishes by an exchange, and reclaims the old object after a grace period.
#[no_mangle]
pub fn call_rcu_rust(config: &Rcu<Config>, new: Option<UniqueRcuBox<Config>>) {
    if let Some(old) = config.replace(new) {
        old.call_rcu();
    }
}

/// Selects a field of the locked state.
#[no_mangle]
pub fn select_rust<'u>(
    updater: &'u mut Updater<'_, State>,
) -> UpdateSide<'u, Rcu<Config, Locked<State>>> {
    updater.select(|state| &state.config)
}

/// Selects a field of the locked state and publishes there.
#[no_mangle]
pub fn select_replace_rust(
    updater: &mut Updater<'_, State>,
    new: Option<UniqueRcuBox<Config>>,
) -> Option<Retired<Config>> {
    updater.select(|state| &state.config).replace(new)
}

/// Publishes under the updaters' lock, which it acquires and releases.
#[no_mangle]
pub fn locked_replace_rust(
    state: &UpdaterLock<State>,
    new: Option<UniqueRcuBox<Config>>,
) -> Option<Retired<Config>> {
    state.lock().select(|state| &state.config).replace(new)
}

/// Publishes under a spin lock, which it acquires and releases.
#[no_mangle]
pub fn spin_replace_rust(
    state: &UpdaterLock<State, SpinLock<()>>,
    new: Option<UniqueRcuBox<Config>>,
) -> Option<Retired<Config>> {
    state.lock().select(|state| &state.config).replace(new)
}

/// Finds an object, and changes what its own spin lock protects.
#[no_mangle]
pub fn find_and_lock_rust(session: &Rcu<Session>) {
    let found = find_and_lock(|search| session.dereference(search), |it| &it.packets);
    if let Some(mut packets) = found {
        *packets = packets.wrapping_add(1);
    }
}

/// Finds a reference and keeps it.
#[no_mangle]
pub fn keep_rust(pointer: &Rcu<Arc<Config>>) -> Option<Arc<Config>> {
    let guard = read_lock();
    pointer.dereference(&guard).cloned()
}

/// Finds an object in an array, inside its caller's critical section.
#[no_mangle]
pub fn xarray_rust(array: &XArray<RcuBox<Config>>, index: usize, section: &Guard) -> i32 {
    xa_load(array, index, section).map_or(-1, |found| found.value)
}

/// Tests the pointer without a reader.
#[no_mangle]
pub fn is_null_rust(config: &Rcu<Config>) -> bool {
    config.is_null()
}

/// Changes a value under a spin lock, without RCU: the baseline for the kernel crate's spin lock.
#[no_mangle]
pub fn spin_add_rust(session: &Session) {
    let mut packets = session.packets.lock();
    *packets = packets.wrapping_add(1);
}

/// The hash of `resizable_rust()`.
#[no_mangle]
#[expect(deprecated, reason = "core has no other hasher with a seed")]
pub fn hash_rust(key: usize, seed: [u64; 2]) -> u64 {
    let mut hasher = core::hash::SipHasher::new_with_keys(seed[0], seed[1]);
    key.hash(&mut hasher);
    hasher.finish()
}

/// Changes a value under a mutex, without RCU: the baseline for the kernel crate's mutex.
#[no_mangle]
pub fn mutex_replace_rust(counter: &Mutex<usize>, new: usize) -> usize {
    mem::replace(&mut *counter.lock(), new)
}
