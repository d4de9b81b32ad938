// SPDX-License-Identifier: GPL-2.0

// Publishing an object gives up the right to change it.

fn publish(current: &Rcu<Config>) -> Result {
    let mut config = new_config()?;
    config.limit = 2;                                    // TWIN
    let old = current.replace(Some(config));
    config.limit = 2;                                    // VIOLATION: E0382
    drop(old);
    Ok(())
}
