// SPDX-License-Identifier: GPL-2.0

//! Functions that are worse than C's in one way each. A check that finds nothing wrong with the one
//! made for it is broken.

use core::{
    mem,
    sync::atomic::{fence, Ordering},
};

use super::{Config, Guard, Locked, Rcu, RcuBox, Retired, State, UpdateSide, Updater};

/// Beside `dereference_c()`: instructions.
#[no_mangle]
pub fn worse_instructions(config: &Rcu<Config>, section: &Guard) -> i32 {
    config
        .dereference(section)
        .map_or(-1, |found| found.value.rotate_left(7) ^ 5)
}

/// Beside `dereference_c()`: reads the pointer twice.
#[no_mangle]
pub fn worse_loads(config: &Rcu<Config>, section: &Guard) -> i32 {
    let known = config.dereference(section).is_some();
    let found = config.dereference(section).filter(|_| known);
    found.map_or(-1, |found| found.value)
}

/// Beside `replace_c()`: publishes twice.
#[no_mangle]
pub fn worse_stores(
    mut config: UpdateSide<'_, Rcu<Config, Locked<State>>>,
    new: Option<RcuBox<Config>>,
) -> Option<Retired<Config>> {
    let old = config.replace(None);
    mem::forget(config.replace(new));
    old
}

/// Beside `exchange_c()`: exchanges twice.
#[no_mangle]
pub fn worse_atomics(config: &Rcu<Config>, new: Option<RcuBox<Config>>) -> Option<Retired<Config>> {
    let old = config.replace(None);
    mem::forget(config.replace(new));
    old
}

/// Beside `dereference_c()`: orders what needs no order.
#[no_mangle]
pub fn worse_fences(config: &Rcu<Config>, section: &Guard) -> i32 {
    fence(Ordering::SeqCst);
    config.dereference(section).map_or(-1, |found| found.value)
}

/// Beside `kvfree_c()`: has the object dropped by a callback.
#[no_mangle]
pub fn worse_calls(config: &Rcu<Config>, new: Option<RcuBox<Config>>) {
    drop(config.replace(new));
}

/// Beside `dereference_c()`: may panic.
#[no_mangle]
pub fn worse_panic(config: &Rcu<Config>, section: &Guard) -> i32 {
    config
        .dereference(section)
        .map(|found| found.value)
        .unwrap()
}

/// Beside `select_c()`: keeps the check, because anything may be chosen.
#[no_mangle]
pub fn worse_select<'u>(
    updater: &'u mut Updater<'_, State>,
    choose: for<'s> fn(&'s State) -> &'s Rcu<Config, Locked<State>>,
) -> UpdateSide<'u, Rcu<Config, Locked<State>>> {
    updater.select(choose)
}
