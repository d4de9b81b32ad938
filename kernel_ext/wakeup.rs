// SPDX-License-Identifier: GPL-2.0

//! Wakeups by a worker: a request takes the same time for any number of waiters.
//!
//! ```text
//!   requester ──► queue_work() ──► worker ──► tasks that sleep on the condition variable
//!                 O(1)                    └──► pollers of each registered file
//! ```
//!
//! Requests during a wakeup cause one more wakeup.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

#![expect(unsafe_code, reason = "wraps a work item")]

use super::poll_queue::PollQueue;
use core::ptr;
use kernel::{
    bindings, c_str, container_of, new_condvar, new_mutex,
    prelude::*,
    static_lock_class,
    sync::{Arc, CondVar, Mutex},
    types::Opaque,
};

/// A wakeup of tasks and of pollers.
///
/// # Invariants
///
/// `work` is initialised with [`run`], and pinned.
#[pin_data(PinnedDrop)]
pub struct Wakeup {
    #[pin]
    tasks: CondVar,
    /// The queues of registered files. A queue keeps its index, so that the worker misses none.
    #[pin]
    pollers: Mutex<KVec<Option<Arc<PollQueue>>>>,
    #[pin]
    work: Opaque<bindings::work_struct>,
}

// SAFETY: A work item may be queued and cancelled from any thread; the other fields are `Send`.
unsafe impl Send for Wakeup {}
// SAFETY: A workqueue serialises the users of a work item; the other fields are `Sync`.
unsafe impl Sync for Wakeup {}

impl Wakeup {
    /// Creates a wakeup without waiters.
    pub fn new() -> impl PinInit<Self> {
        let key = static_lock_class!();
        let key = ptr::from_ref(key.get_ref()).cast_mut().cast();
        let name = c_str!("rust_rcu_demo");
        pin_init!(Self {
            tasks <- new_condvar!(),
            pollers <- new_mutex!(KVec::new()),
            // INVARIANT: It is initialised here.
            work <- Opaque::ffi_init(move |work| {
                // SAFETY: `work` is valid for writes and pinned; the name and the key are static.
                unsafe {
                    bindings::init_work_with_key(work, Some(run), false, name.as_char_ptr(), key)
                }
            }),
        })
    }

    /// Makes a worker wake all waiters. The worker sees the caller's earlier stores.
    ///
    /// Context: any.
    pub fn request(&self) {
        let cpu = bindings::wq_misc_consts_WORK_CPU_UNBOUND as c_int;
        // SAFETY: The kernel has created the workqueue. By the type invariant the work is
        // initialised, and `drop()` waits for it.
        unsafe { bindings::queue_work_on(cpu, bindings::system_dfl_wq, self.work.get()) };
    }

    /// Returns the condition variable of the tasks.
    pub fn tasks(&self) -> &CondVar {
        &self.tasks
    }

    /// Registers the pollers of a file.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub fn add(&self, queue: Arc<PollQueue>) -> Result {
        let mut pollers = self.pollers.lock();
        match pollers.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(queue),
            None => pollers.push(Some(queue), GFP_KERNEL_ACCOUNT)?,
        }
        Ok(())
    }

    /// Removes the pollers of a file.
    ///
    /// Context: may sleep.
    pub fn remove(&self, queue: &Arc<PollQueue>) {
        let is_same = |other: &Arc<PollQueue>| ptr::eq(&raw const **other, &raw const **queue);
        let mut pollers = self.pollers.lock();
        for place in pollers.iter_mut() {
            if place.as_ref().is_some_and(is_same) {
                *place = None;
            }
        }
    }

    /// Wakes all waiters.
    fn wake(&self) {
        for at in 0.. {
            // The lock is released before the wakeup, so that `remove()` does not wait for it.
            let place = self.pollers.lock().get(at).cloned();
            match place {
                Some(Some(queue)) => queue.wake_all(),
                Some(None) => (),
                None => break,
            }
        }
        self.tasks.notify_all();
    }
}

#[pinned_drop]
impl PinnedDrop for Wakeup {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariant the work is initialised. No other thread can queue it
        // again, because the caller owns the last reference. Until the call returns, the worker may
        // read fields through `&Wakeup`. This function accesses none of them through `self`, except
        // the work, which is in an `Opaque`.
        unsafe { bindings::cancel_work_sync(self.work.get()) };
    }
}

/// Wakes all waiters of a wakeup.
///
/// # Safety
///
/// Only a workqueue may call it, with the work of a [`Wakeup`].
unsafe extern "C" fn run(work: *mut bindings::work_struct) {
    // SAFETY: The work is a field of a `Wakeup`, whose drop waits for this call.
    let wakeup =
        unsafe { &*container_of!(work.cast::<Opaque<bindings::work_struct>>(), Wakeup, work) };
    wakeup.wake();
}
