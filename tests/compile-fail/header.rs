// SPDX-License-Identifier: GPL-2.0

// What every case begins with; the runner puts it in front.

#![allow(dead_code, unused_imports, unused_variables, unused_mut, unreachable_pub)]

/// What `module!` would define for `pr_err!`.
const __LOG_PREFIX: &[u8] = b"case\0";

mod rcu;

use kernel::prelude::*;
use rcu::{read_lock, synchronize, Guard, Rcu, RcuBox, Reclaim, Retired, Softirq};

struct Config {
    limit: u32,
}

impl Reclaim for Config {
    type Context = Softirq;
}

fn new_config() -> Result<RcuBox<Config>> {
    Ok(RcuBox::new(Config { limit: 1 }, GFP_KERNEL)?)
}

fn needs_send<T: Send>(_: T) {}
fn needs_sync<T: Sync>(_: &T) {}

