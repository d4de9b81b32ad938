// SPDX-License-Identifier: GPL-2.0

fn insert(table: &ResizableTable<Config, State>, new: UniqueRcuBox<ResizableEntry<Config>>) {
    drop(table.insert(new));                             // VIOLATION: E0599
}

use rcu::{ResizableEntry, ResizableTable};
