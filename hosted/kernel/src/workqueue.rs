// SPDX-License-Identifier: GPL-2.0

//! Work in process context: one thread runs work items in order.
//!
//! [`bindings`](crate::bindings) has the kernel's functions, which call these.

use crate::bindings::work_struct;
use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, Once, PoisonError},
    thread,
};

/// A workqueue.
pub struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    pending: VecDeque<Queued>,
    running: Option<Queued>,
    /// The number of times that items were queued.
    tickets: u64,
}

/// An item and its ticket number.
#[derive(Clone, Copy)]
struct Queued(Item, u64);

/// A work item by its address.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Item(*mut work_struct);

// SAFETY: The caller of `queue_work_on()` guarantees that the item can run in another thread.
unsafe impl Send for Item {}

static SYSTEM: Queue = Queue {
    state: Mutex::new(State {
        pending: VecDeque::new(),
        running: None,
        tickets: 0,
    }),
    changed: Condvar::new(),
};

/// Returns the system workqueue and starts its thread on first use.
pub fn system() -> &'static Queue {
    static WORKER: Once = Once::new();
    WORKER.call_once(|| {
        thread::Builder::new()
            .name("kworker".into())
            .spawn(|| SYSTEM.work())
            .expect("a thread for the workqueue");
    });
    &SYSTEM
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues an item. Returns false if it is already pending.
    pub(crate) fn enqueue(&self, work: *mut work_struct) -> bool {
        let mut state = self.state();
        let is_new = state.pending.iter().all(|queued| queued.0 != Item(work));
        if is_new {
            state.tickets += 1;
            let queued = Queued(Item(work), state.tickets);
            state.pending.push_back(queued);
            self.changed.notify_all();
        }
        is_new
    }

    /// Waits until an item that is pending or running has run. Ignores a later queueing.
    pub(crate) fn flush(&self, work: *mut work_struct) {
        let state = self.state();
        let last = state.tickets;
        let busy = |state: &mut State| {
            let mut all = state.pending.iter().chain(&state.running);
            all.any(|&Queued(item, ticket)| item == Item(work) && ticket <= last)
        };
        drop(
            self.changed
                .wait_while(state, busy)
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    fn work(&self) {
        loop {
            let mut state = self
                .changed
                .wait_while(self.state(), |state| state.pending.is_empty())
                .unwrap_or_else(PoisonError::into_inner);
            state.running = state.pending.pop_front();
            let Some(Queued(Item(work), _)) = state.running else {
                continue;
            };
            drop(state);
            // SAFETY: The caller of `queue_work_on()` keeps the item valid until it has run.
            if let Some(func) = unsafe { (*work).func } {
                // SAFETY: The item is valid until this call returns.
                unsafe { func(work) };
            }
            self.state().running = None;
            self.changed.notify_all();
        }
    }
}
