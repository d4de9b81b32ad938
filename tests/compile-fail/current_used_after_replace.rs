// SPDX-License-Identifier: GPL-2.0

// What the updater itself has unpublished may be freed while it still looks at it.

fn update(config: &mut UpdateSide<'_, Rcu<Config, Locked<State>>>) -> u32 {
    let old = config.current();
    drop(config.replace(None));                          // VIOLATION: E0502
    let limit = old.map_or(0, |old| old.limit);
    drop(config.replace(None));                          // TWIN
    limit
}
