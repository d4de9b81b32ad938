// SPDX-License-Identifier: GPL-2.0

// An object that the updater has unpublished may be freed, so its reference ends before.

fn update(config: &mut UpdateSide<'_, Rcu<Config, Locked<State>>>) -> u32 {
    let old = config.current();
    drop(config.replace(None));                          // VIOLATION: E0502
    let limit = old.map_or(0, |old| old.limit);
    drop(config.replace(None));                          // TWIN
    limit
}
