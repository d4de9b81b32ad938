// SPDX-License-Identifier: GPL-2.0

//! RCU as the library writes it: each `NAME_rust()` does what `NAME_c()` of `idiom.c` does.

use core::{convert::Infallible, mem};
use kernel::sync::Mutex;
use rcu::{
    read_lock, Flexible, Guard, List, Locked, Rcu, RcuBox, Reclaim, Retired, Softirq, SrcuPointer,
    UpdateSide, Updater, UpdaterLock,
};

/// The library itself.
pub mod rcu;

/// What is worse than C, for the checks to find out.
pub mod worse;

/// What `module!` would define for `pr_err!`.
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

/// A whole reader.
#[no_mangle]
pub fn read_rust(config: &Rcu<Config>) -> i32 {
    let guard = read_lock();
    config.dereference(&guard).map_or(-1, |found| found.value)
}

/// A reader inside its caller's critical section.
#[no_mangle]
pub fn dereference_rust(config: &Rcu<Config>, section: &Guard) -> i32 {
    config.dereference(section).map_or(-1, |found| found.value)
}

/// The reference itself.
#[no_mangle]
pub fn reference_rust<'g>(config: &'g Rcu<Config>, section: &'g Guard) -> Option<&'g Config> {
    config.dereference(section)
}

/// A reader of an object of variable length.
#[no_mangle]
pub fn element_rust(table: &Rcu<Flexible<(), i32>>, index: usize, section: &Guard) -> i32 {
    let found = table.dereference(section);
    found
        .and_then(|table| table.elements.get(index).copied())
        .unwrap_or(-1)
}

/// A walk through a list.
#[no_mangle]
pub fn list_sum_rust(list: &List<Config, State>, section: &Guard) -> i32 {
    let sum = |sum: i32, entry: &Config| sum.wrapping_add(entry.value);
    list.iter(section).fold(0, sum)
}

/// A whole reader who may sleep.
#[no_mangle]
pub fn srcu_read_rust(pointer: &SrcuPointer<Config>) -> i32 {
    let section = pointer.read_lock();
    section.dereference().map_or(-1, |found| found.value)
}

/// Publishing under the updaters' lock.
#[no_mangle]
pub fn replace_rust(
    mut config: UpdateSide<'_, Rcu<Config, Locked<State>>>,
    new: Option<RcuBox<Config>>,
) -> Option<Retired<Config>> {
    config.replace(new)
}

/// Read, copy, update under the updaters' lock.
#[no_mangle]
pub fn copy_update_rust(
    mut config: UpdateSide<'_, Rcu<Config, Locked<State>>>,
    mut new: RcuBox<Config>,
) -> Option<Retired<Config>> {
    let Ok(old) = config.copy_update(|old| {
        new.value = old.map_or(1, |old| old.value.wrapping_mul(3));
        Ok::<_, Infallible>(new)
    });
    old
}

/// Publishing by exchange.
#[no_mangle]
pub fn exchange_rust(config: &Rcu<Config>, new: Option<RcuBox<Config>>) -> Option<Retired<Config>> {
    config.replace(new)
}

/// Publishing by exchange, and freeing the old object's memory after a grace period.
#[no_mangle]
pub fn kvfree_rust(config: &Rcu<Config>, new: Option<RcuBox<Config>>) {
    if let Some(old) = config.replace(new) {
        old.kvfree_rcu();
    }
}

/// Publishing by exchange, and reclaiming the old object after a grace period.
#[no_mangle]
pub fn call_rcu_rust(config: &Rcu<Config>, new: Option<RcuBox<Config>>) {
    if let Some(old) = config.replace(new) {
        old.call_rcu();
    }
}

/// Selecting a field of the locked state.
#[no_mangle]
pub fn select_rust<'u>(
    updater: &'u mut Updater<'_, State>,
) -> UpdateSide<'u, Rcu<Config, Locked<State>>> {
    updater.select(|state| &state.config)
}

/// Selecting it and publishing there.
#[no_mangle]
pub fn select_replace_rust(
    updater: &mut Updater<'_, State>,
    new: Option<RcuBox<Config>>,
) -> Option<Retired<Config>> {
    updater.select(|state| &state.config).replace(new)
}

/// A whole updater.
#[no_mangle]
pub fn locked_replace_rust(
    state: &UpdaterLock<State>,
    new: Option<RcuBox<Config>>,
) -> Option<Retired<Config>> {
    state.lock().select(|state| &state.config).replace(new)
}

/// The same without RCU: what the kernel crate's mutex costs by itself.
#[no_mangle]
pub fn mutex_replace_rust(counter: &Mutex<usize>, new: usize) -> usize {
    mem::replace(&mut *counter.lock(), new)
}
