// SPDX-License-Identifier: GPL-2.0

// An inserted entry belongs to the table, and readers see it.

fn insert(table: &mut UpdateSide<'_, HashTable<Config, State, 8>>, mut new: UniqueRcuBox<Entry<Config>>) {
    new.limit = 2;                                       // TWIN
    drop(table.insert(new));
    new.limit = 2;                                       // VIOLATION: E0382
}
