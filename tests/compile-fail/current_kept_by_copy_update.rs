// SPDX-License-Identifier: GPL-2.0

// What was copied is retired by the end of the update.

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
