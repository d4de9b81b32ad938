// SPDX-License-Identifier: GPL-2.0

// The domain of a state does not protect a structure outside of it, even one that lives for ever.
// UNDEFINED: rust_build_error

pub struct Shared { list: List<Config, Shared, Srcu> }
type SharedLock = UpdaterLock<Shared, SrcuLock<Mutex<()>, Srcu>>;

pub fn read(one: &SharedLock, other: &'static Shared) -> Result<bool> {
    let guard = one.srcu().read_lock();
    let state = one.read(&guard)?;
    let list = state.select(|_| &other.list);            // VIOLATION
    let list = state.select(|state| &state.list);        // TWIN
    let found = list.iter().next().is_some();
    Ok(found)
}
