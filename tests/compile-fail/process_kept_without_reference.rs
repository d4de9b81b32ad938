// SPDX-License-Identifier: GPL-2.0

// A process that ended may be freed after the walk, unless the reader has a reference of its own.

struct Processes {
    list: List<Arc<Config>, Processes>,
}

fn first(processes: &UpdaterLock<Processes>) -> u32 {
    let guard = read_lock();
    let process = processes.list.iter(&guard).next();
    let process = process.cloned();                      // TWIN
    drop(guard);                                         // VIOLATION: E0505
    drop(guard);                                         // TWIN
    process.map_or(0, |process| process.limit)
}

use kernel::sync::Arc;
