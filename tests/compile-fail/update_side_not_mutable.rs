// SPDX-License-Identifier: GPL-2.0

// An update needs the exclusive right to the structure, and thus a mutable variable.
// ERROR SAYS: cannot borrow `list` as mutable, as it is not declared as mutable

fn remove(state: &UpdaterLock<State>) {
    let mut updater = state.lock();
    let list = updater.select(|state| &state.list);      // VIOLATION
    let mut list = updater.select(|state| &state.list);  // TWIN
    drop(list.pop_front());                              // VIOLATION: E0596
    drop(list.pop_front());                              // TWIN
}
