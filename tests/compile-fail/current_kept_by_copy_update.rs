// SPDX-License-Identifier: GPL-2.0

// copy_update() retires the object that the closure copies, so the closure cannot keep a reference.

fn update(config: &mut UpdateSide<'_, Rcu<Config, Locked<State>>>) -> Result {
    let mut limit = None;
    let old = config.copy_update(|old| {
        limit = old.map(|old| &old.limit);               // VIOLATION: E0521
        limit = old.map(|old| old.limit);                // TWIN
        new_config()
    })?;
    drop(old);
    let _ = limit;
    Ok(())
}
