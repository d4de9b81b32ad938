// SPDX-License-Identifier: GPL-2.0

// The drop of the domain waits for callbacks, so a retired object must not outlive the domain.

struct Shared { list: List<Config, Shared, Srcu> }
type SharedLock = UpdaterLock<Shared, SrcuLock<Mutex<()>, Srcu>>;

fn clear(state: Pin<KBox<SharedLock>>) {
    let all = state.lock().select(|state| &state.list).clear();
    drop(state);                                         // VIOLATION: E0505
    drop(all);
    drop(state);                                         // TWIN
}
