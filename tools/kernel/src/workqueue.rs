// SPDX-License-Identifier: GPL-2.0

//! Work in process context: one thread that takes work items in order.
//!
//! The functions are in [`bindings`](crate::bindings); here is what they do.

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
    pending: VecDeque<Item>,
    running: Option<Item>,
}

/// A work item by its address.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Item(*mut work_struct);

// SAFETY: Whoever queues an item promises that it may run in another thread.
unsafe impl Send for Item {}

static SYSTEM: Queue = Queue {
    state: Mutex::new(State {
        pending: VecDeque::new(),
        running: None,
    }),
    changed: Condvar::new(),
};

/// The system's workqueue.
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

    /// Queues an item unless it is pending already.
    pub(crate) fn enqueue(&self, work: *mut work_struct) -> bool {
        let mut state = self.state();
        let is_new = !state.pending.contains(&Item(work));
        if is_new {
            state.pending.push_back(Item(work));
            self.changed.notify_all();
        }
        is_new
    }

    /// Waits until an item is neither pending nor running.
    pub(crate) fn flush(&self, work: *mut work_struct) {
        let busy = |state: &mut State| {
            state.running == Some(Item(work)) || state.pending.contains(&Item(work))
        };
        drop(
            self.changed
                .wait_while(self.state(), busy)
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
            let Some(Item(work)) = state.running else {
                continue;
            };
            drop(state);
            // SAFETY: Whoever queued the item keeps it valid until it has run.
            if let Some(func) = unsafe { (*work).func } {
                // SAFETY: As above.
                unsafe { func(work) };
            }
            self.state().running = None;
            self.changed.notify_all();
        }
    }
}
