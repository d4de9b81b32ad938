// SPDX-License-Identifier: GPL-2.0

//! A list of servers that is often read and seldom changed, protected by RCU, without `unsafe`.

#![deny(unsafe_code)]

pub mod rcu;

use kernel::{new_mutex, prelude::*};
use rcu::{Entry, List, Reclaim, Softirq, UpdaterLock};

rcu::drained_module! {
    type: Sample,
    name: "rcu_list",
    authors: ["The rust_rcu_demo maintainers"],
    description: "Sample: a list protected by RCU, in safe Rust",
    license: "GPL",
}

/// The value of an entry. Readers share it, so it changes only by atomics or by replacement.
struct Server {
    id: u32,
    weight: u32,
}

/// The destructor of a `Server` never sleeps.
impl Reclaim for Server {
    type Context = Softirq;
}

/// The protected state. The type of the list names the state whose lock its updates need.
struct State {
    servers: List<Server, State>,
}

/// Returns the weight of a server. This is a reader: it neither waits nor allocates.
fn weight_of(state: &State, id: u32) -> Option<u32> {
    let guard = rcu::read_lock();
    let mut servers = state.servers.iter(&guard);
    servers
        .find(|server| server.id == id)
        .map(|server| server.weight)
}

/// Adds a server. The allocation, which may sleep and may fail, comes before the lock.
fn add(state: &UpdaterLock<State>, id: u32, weight: u32) -> Result {
    let new = Entry::new(Server { id, weight }, GFP_KERNEL)?;
    let mut updater = state.lock();
    let mut servers = updater.select(|state| &state.servers);
    if servers.iter().any(|server| server.id == id) {
        return Err(EEXIST);
    }
    servers.push_back(new);
    Ok(())
}

/// Removes a server. A callback frees the entry after a grace period.
fn remove(state: &UpdaterLock<State>, id: u32) -> Result {
    let mut updater = state.lock();
    let mut servers = updater.select(|state| &state.servers);
    let old = servers
        .remove_first(|server| server.id == id)
        .ok_or(ENOENT)?;
    old.call_rcu();
    Ok(())
}

/// Unload drops this with the list and its entries, and then waits for the callbacks.
#[pin_data]
struct Sample {
    #[pin]
    state: UpdaterLock<State>,
}

impl kernel::InPlaceModule for Sample {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            state <- UpdaterLock::new(State { servers: List::new() }, new_mutex!((), "servers")),
            _: {
                add(&state, 1, 10)?;
                add(&state, 2, 20)?;
                remove(&state, 1)?;
                pr_info!("server 1: {:?}\n", weight_of(&state, 1));
                pr_info!("server 2: {:?}\n", weight_of(&state, 2));
            },
        })
    }
}
