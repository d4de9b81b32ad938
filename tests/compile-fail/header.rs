// SPDX-License-Identifier: GPL-2.0

// What every case begins with; the runner puts it in front.

#![allow(dead_code, unused_imports, unused_variables, unused_mut, unreachable_pub)]

mod rcu;

use kernel::prelude::*;
use rcu::{read_lock, synchronize, Guard, Rcu, RcuBox, Reclaim, Retired};

struct Config {
    limit: u32,
}

impl Reclaim for Config {}

fn new_config() -> Result<RcuBox<Config>> {
    Ok(RcuBox::new(Config { limit: 1 }, GFP_KERNEL)?)
}

fn needs_send<T: Send>(_: T) {}
fn needs_sync<T: Sync>(_: &T) {}

