// SPDX-License-Identifier: GPL-2.0

// Packets in flight may still use the handler, so nobody owns it before the grace period has ended.

fn unregister(state: &UpdaterLock<State>) -> Option<u32> {
    let mut updater = state.lock();
    let old = updater.select(|state| &state.config).replace(None)?;
    let handler: UniqueRcuBox<Config> = old;             // VIOLATION: E0308
    let handler = old.synchronize();                     // TWIN
    Some(handler.into_inner().limit)
}
