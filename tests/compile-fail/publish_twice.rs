// SPDX-License-Identifier: GPL-2.0

// An object that two pointers own would be freed twice.

fn publish(one: &Rcu<Config>, two: &Rcu<Config>) -> Result {
    let config = new_config()?;
    drop(one.replace(Some(config)));
    let config = new_config()?;                          // TWIN
    drop(two.replace(Some(config)));                     // VIOLATION: E0382
    drop(two.replace(Some(config)));                     // TWIN
    Ok(())
}
