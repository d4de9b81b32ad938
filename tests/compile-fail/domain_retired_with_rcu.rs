// SPDX-License-Identifier: GPL-2.0

// The readers of an SRCU domain do not delay RCU's callbacks.

struct Shared { list: List<Config, Shared, Srcu> }
type SharedLock = UpdaterLock<Shared, SrcuLock<Mutex<()>, Srcu>>;

fn clear(state: &SharedLock) {
    let all = state.lock().select(|state| &state.list).clear();
    all.for_each(Retired::call_rcu);                     // VIOLATION: E0631
    all.for_each(Retired::call_srcu);                    // TWIN
}
