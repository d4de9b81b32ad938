// SPDX-License-Identifier: GPL-2.0

//! A list of processes: readers walk it, and keep a process by a reference, without a lock and
//! without `unsafe`. The pattern of `for_each_process()` and `find_get_task_by_vpid()`.

#![deny(unsafe_code)]

pub mod rcu;

use kernel::{new_mutex, prelude::*, sync::Arc};
use rcu::{Entry, List, Reclaim, Softirq, UpdaterLock};

rcu::drained_module! {
    type: Sample,
    name: "rcu_processes",
    authors: ["The rust_rcu_demo maintainers"],
    description: "Sample: a list of processes protected by RCU, in safe Rust",
    license: "GPL",
}

/// A process. It outlives its place in the list while someone has a reference.
struct Process {
    pid: u32,
    name: &'static str,
}

impl Drop for Process {
    fn drop(&mut self) {
        pr_info!("{} freed\n", self.pid);
    }
}

/// The last reference may be the list's, which a callback drops. The destructor never sleeps.
impl Reclaim for Process {
    type Context = Softirq;
}

/// The list owns a reference to each process. It drops the reference after a grace period, so a
/// reader that finds a process can always add one.
struct State {
    processes: List<Arc<Process>, State>,
}

/// Calls `visit` with each process: C's `for_each_process()`. It neither waits nor allocates.
///
/// A process that begins or ends meanwhile may be visited or not.
fn for_each(state: &State, mut visit: impl FnMut(&Process)) {
    let guard = rcu::read_lock();
    for process in state.processes.iter(&guard) {
        visit(process);
    }
}

/// Returns a reference to a process: C's `find_get_task_by_vpid()`.
fn find_get(state: &State, pid: u32) -> Option<Arc<Process>> {
    let guard = rcu::read_lock();
    let mut processes = state.processes.iter(&guard);
    processes.find(|process| process.pid == pid).cloned()
}

/// Adds a process. The allocation, which may sleep and may fail, comes before the lock.
fn fork(state: &UpdaterLock<State>, pid: u32, name: &'static str) -> Result {
    let process = Arc::new(Process { pid, name }, GFP_KERNEL)?;
    let new = Entry::new(process, GFP_KERNEL)?;
    let mut updater = state.lock();
    updater.select(|state| &state.processes).push_back(new);
    Ok(())
}

/// Removes a process. A callback drops the list's reference: C's `delayed_put_task_struct()`.
fn exit(state: &UpdaterLock<State>, pid: u32) -> Result {
    let mut updater = state.lock();
    let mut processes = updater.select(|state| &state.processes);
    let old = processes.remove_first(|process| process.pid == pid);
    old.ok_or(ESRCH)?.call_rcu();
    Ok(())
}

#[pin_data]
struct Sample {
    #[pin]
    state: UpdaterLock<State>,
}

impl kernel::InPlaceModule for Sample {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            state <- UpdaterLock::new(State { processes: List::new() }, new_mutex!((), "processes")),
            _: {
                fork(&state, 1, "init")?;
                fork(&state, 2, "sh")?;
                fork(&state, 3, "cat")?;
                let kept = find_get(&state, 2);
                exit(&state, 2)?;
                // Wait for the callback that drops the list's reference.
                rcu::barrier();
                for_each(&state, |process| pr_info!("{} {}\n", process.pid, process.name));
                if let Some(process) = kept {
                    pr_info!("{} {} kept\n", process.pid, process.name);
                }
            },
        })
    }
}
