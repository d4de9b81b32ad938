// SPDX-License-Identifier: GPL-2.0

// The section ends with the guard, whatever the reader has selected.

struct Shared { list: List<Config, Shared, Srcu> }
type SharedLock = UpdaterLock<Shared, SrcuLock<Mutex<()>, Srcu>>;

fn read(state: &SharedLock) -> Result<u32> {
    let guard = state.srcu().read_lock();
    let first = state.read(&guard)?.select(|state| &state.list).iter().next();
    drop(guard);                                         // VIOLATION: E0505
    let limit = first.map_or(0, |config| config.limit);
    drop(guard);                                         // TWIN
    Ok(limit)
}
