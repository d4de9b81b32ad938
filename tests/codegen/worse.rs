// SPDX-License-Identifier: GPL-2.0

//! Functions that are worse than C's, each in one way. A check must reject its function.

use core::{
    mem,
    sync::atomic::{fence, AtomicPtr, Ordering},
};

use super::{Config, Guard, Locked, Rcu, UniqueRcuBox, Retired, State, UpdateSide, Updater};

/// Has more instructions than `dereference_c()`.
#[no_mangle]
pub fn worse_instructions(config: &Rcu<Config>, section: &Guard) -> i32 {
    config
        .dereference(section)
        .map_or(-1, |found| found.value.rotate_left(7) ^ 5)
}

/// Reads the pointer twice, unlike `dereference_c()`.
#[no_mangle]
pub fn worse_loads(config: &Rcu<Config>, section: &Guard) -> i32 {
    let is_some = config.dereference(section).is_some();
    let found = config.dereference(section).filter(|_| is_some);
    found.map_or(-1, |found| found.value)
}

/// Publishes twice, unlike `replace_c()`.
#[no_mangle]
pub fn worse_stores(
    mut config: UpdateSide<'_, Rcu<Config, Locked<State>>>,
    new: Option<UniqueRcuBox<Config>>,
) -> Option<Retired<Config>> {
    let old = config.replace(None);
    mem::forget(config.replace(new));
    old
}

/// Exchanges twice, unlike `exchange_c()`.
#[no_mangle]
pub fn worse_atomics(
    config: &Rcu<Config>,
    new: Option<UniqueRcuBox<Config>>,
) -> Option<Retired<Config>> {
    let old = config.replace(None);
    mem::forget(config.replace(new));
    old
}

/// Has a needless fence, unlike `dereference_c()`.
#[no_mangle]
pub fn worse_fences(config: &Rcu<Config>, section: &Guard) -> i32 {
    fence(Ordering::SeqCst);
    config.dereference(section).map_or(-1, |found| found.value)
}

/// Drops the object in a callback, unlike `kvfree_c()`.
#[no_mangle]
pub fn worse_calls(config: &Rcu<Config>, new: Option<UniqueRcuBox<Config>>) {
    drop(config.replace(new));
}

/// May panic, unlike `dereference_c()`.
#[no_mangle]
pub fn worse_panic(config: &Rcu<Config>, section: &Guard) -> i32 {
    config
        .dereference(section)
        .map(|found| found.value)
        .unwrap()
}

/// Keeps the assertion, unlike `select_c()`, because the closure is unknown. A module with this
/// function does not link.
#[no_mangle]
pub fn worse_select<'u>(
    updater: &'u mut Updater<'_, State>,
    choose: for<'s> fn(&'s State) -> &'s Rcu<Config, Locked<State>>,
) -> UpdateSide<'u, Rcu<Config, Locked<State>>> {
    updater.select(choose)
}

/// Loads without ordering, unlike a dereference.
#[no_mangle]
pub fn worse_acquires(config: &AtomicPtr<Config>) -> *mut Config {
    config.load(Ordering::Relaxed)
}

/// Publishes without ordering, unlike `replace_c()`.
#[no_mangle]
pub fn worse_releases(config: &AtomicPtr<Config>, new: *mut Config) {
    config.store(new, Ordering::Relaxed);
}
