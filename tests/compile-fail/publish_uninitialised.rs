// SPDX-License-Identifier: GPL-2.0

// Readers see an object as soon as it is published, so it must be initialised.

fn publish(current: &Rcu<Config>) {
    let config: UniqueRcuBox<Config>;                          // VIOLATION
    let Ok(config) = new_config() else { return };       // TWIN
    drop(current.replace(Some(config)));                 // VIOLATION: E0381
    drop(current.replace(Some(config)));                 // TWIN
}
