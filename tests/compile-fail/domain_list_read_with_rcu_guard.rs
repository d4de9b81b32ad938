// SPDX-License-Identifier: GPL-2.0

// RCU's guard is no reader of the SRCU domain that the list names.

struct Shared { list: List<Config, Shared, Srcu> }
type SharedLock = UpdaterLock<Shared, SrcuLock<Mutex<()>, Srcu>>;

fn read(state: &SharedLock, guard: &SrcuGuard<'_>) -> Result<usize> {
    let rcu = read_lock();
    Ok(state.list.iter(&rcu).count())                    // VIOLATION: E0599
    Ok(state.read(guard)?.select(|state| &state.list).iter().count()) // TWIN
}
