// SPDX-License-Identifier: GPL-2.0

// An object on the stack does not outlive its readers.

fn publish(current: &Rcu<Config>) -> Result {
    let config = Config { limit: 2 };                    // VIOLATION
    let config = new_config()?;                          // TWIN
    drop(current.replace(Some(&config)));                // VIOLATION: E0308
    drop(current.replace(Some(config)));                 // TWIN
    Ok(())
}
