// SPDX-License-Identifier: GPL-2.0

//! A configuration that is often read and seldom changed, protected by RCU, without `unsafe`.

#![deny(unsafe_code)]

pub mod rcu;

use kernel::{new_mutex, prelude::*};
use rcu::{Locked, Rcu, Reclaim, Softirq, UniqueRcuBox, UpdaterLock};

/// The object that readers see. It does not change while they read it.
struct Config {
    limit: u32,
}

/// The destructor of a `Config` never sleeps.
impl Reclaim for Config {
    type Context = Softirq;
}

/// The protected state. The type of the pointer names the state whose lock its updates need.
struct State {
    config: Rcu<Config, Locked<State>>,
}

/// A reader. It neither waits nor allocates, and may run on all CPUs at once.
fn limit(state: &State) -> Option<u32> {
    let guard = rcu::read_lock();
    state.config.dereference(&guard).map(|config| config.limit)
}

/// An updater. Readers see the old or the new object; a callback frees the old one.
fn set_limit(state: &UpdaterLock<State>, limit: u32) -> Result {
    let new = UniqueRcuBox::new(Config { limit }, GFP_KERNEL)?;
    let mut updater = state.lock();
    if let Some(old) = updater.select(|state| &state.config).replace(Some(new)) {
        old.call_rcu();
    }
    Ok(())
}

rcu::drained_module! {
    type: Sample,
    name: "rcu_config",
    authors: ["The rust_rcu_demo maintainers"],
    description: "Sample: a configuration protected by RCU, in safe Rust",
    license: "GPL",
}

#[pin_data]
struct Sample {
    #[pin]
    state: UpdaterLock<State>,
}

impl kernel::InPlaceModule for Sample {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            state <- UpdaterLock::new(State { config: Rcu::locked(None) }, new_mutex!((), "config")),
            _: {
                set_limit(&state, 10)?;
                set_limit(&state, 20)?;
                pr_info!("limit: {:?}\n", limit(&state));
            },
        })
    }
}
