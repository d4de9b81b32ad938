// SPDX-License-Identifier: GPL-2.0

//! A configuration that is often read and seldom changed, protected by RCU, without `unsafe`.

#![deny(unsafe_code)]

pub mod rcu;

use kernel::{new_mutex, prelude::*};
use rcu::{CallbackDrain, Locked, Rcu, Reclaim, Softirq, UniqueRcuBox, UpdaterLock};

module! {
    type: Sample,
    name: "rcu_config",
    authors: ["The rust_rcu_demo maintainers"],
    description: "Sample: a configuration protected by RCU, in safe Rust",
    license: "GPL",
}

/// The object that readers see. It is complete, and does not change while they read it.
#[derive(Clone, Default)]
struct Config {
    timeout_ms: u32,
    version: u32,
}

impl Reclaim for Config {
    type Context = Softirq;
}

/// The protected state. The type of the pointer names the state whose lock its updates need.
struct State {
    config: Rcu<Config, Locked<State>>,
}

/// A reader. It neither waits nor allocates, and may run on all CPUs at once.
fn log_config(state: &State) {
    let guard = rcu::read_lock();
    if let Some(config) = state.config.dereference(&guard) {
        pr_info!("{} ms, version {}\n", config.timeout_ms, config.version);
    }
}

/// An updater. It publishes a changed copy; the old one is reclaimed after a grace period.
fn set_timeout(state: &UpdaterLock<State>, timeout_ms: u32) -> Result {
    let mut updater = state.lock();
    let old = updater.select(|state| &state.config).copy_update(|old| {
        let mut config = old.cloned().unwrap_or_default();
        config.timeout_ms = timeout_ms;
        config.version += 1;
        UniqueRcuBox::new(config, GFP_KERNEL)
    })?;
    if let Some(old) = old {
        old.call_rcu();
    }
    Ok(())
}

/// The drain is the last field: when it is dropped, nothing else can queue a callback any more.
#[pin_data]
struct Sample {
    #[pin]
    state: UpdaterLock<State>,
    _drain: CallbackDrain,
}

impl kernel::InPlaceModule for Sample {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _drain: CallbackDrain::new(),
            state <- UpdaterLock::new(State { config: Rcu::locked(None) }, new_mutex!((), "config")),
            _: {
                set_timeout(&state, 10)?;
                log_config(&state);
                set_timeout(&state, 20)?;
                log_config(&state);
            },
        })
    }
}
