// SPDX-License-Identifier: GPL-2.0

//! Work in process context: each queue has as many threads as it has works that block.
//!
//! The functions have the kernel's names and are reached through [`bindings`](crate::bindings).

#![expect(non_camel_case_types, reason = "C's names")]

use crate::context;
use core::ffi::{c_char, c_int};
use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

/// A work item.
pub struct work_struct {
    pub(crate) func: work_func_t,
}

/// The function of a work item.
pub type work_func_t = Option<unsafe extern "C" fn(work: *mut work_struct)>;

/// A lock class: empty, because there is no lockdep here.
pub struct lock_class_key(());

/// A workqueue.
pub struct workqueue_struct(Arc<Queue>);

/// A queue whose works run on any CPU.
#[expect(non_upper_case_globals, reason = "C's name")]
pub const wq_flags_WQ_UNBOUND: u32 = 2;

/// No CPU in particular.
#[expect(non_upper_case_globals, reason = "C's name")]
pub const wq_misc_consts_WORK_CPU_UNBOUND: u32 = 8192;

/// Creates a workqueue.
///
/// # Safety
///
/// None beyond the context, which is checked.
///
/// # Panics
///
/// Inside a read-side critical section or a callback.
#[track_caller]
pub unsafe fn alloc_workqueue_noprof(
    _name: *const c_char,
    _flags: u32,
    _max_active: c_int,
) -> *mut workqueue_struct {
    context::assert_may_sleep("alloc_workqueue()");
    Box::into_raw(Box::new(workqueue_struct(Queue::new())))
}

/// Destroys a workqueue after its last work.
///
/// # Safety
///
/// [`alloc_workqueue_noprof`] returned the queue, which is not used again.
///
/// # Panics
///
/// Inside a read-side critical section or a callback.
#[track_caller]
pub unsafe fn destroy_workqueue(queue: *mut workqueue_struct) {
    context::assert_may_sleep("destroy_workqueue()");
    // SAFETY: The caller guarantees that `alloc_workqueue_noprof()` has created it from a box.
    unsafe { Box::from_raw(queue) }.0.end();
}

/// Waits until all works that were queued before have run.
///
/// # Safety
///
/// The queue is live.
///
/// # Panics
///
/// Inside a read-side critical section or a callback.
#[track_caller]
pub unsafe fn __flush_workqueue(queue: *mut workqueue_struct) {
    context::assert_may_sleep("flush_workqueue()");
    // SAFETY: The caller guarantees that the queue is live.
    unsafe { &*queue }.0.flush();
}

/// Initialises a work item.
///
/// # Safety
///
/// `work` is valid for writing and not queued.
pub unsafe fn init_work_with_key(
    work: *mut work_struct,
    func: work_func_t,
    _onstack: bool,
    _name: *const c_char,
    _key: *mut lock_class_key,
) {
    // SAFETY: The caller guarantees that `work` is valid for writing and not queued.
    unsafe { work.write(work_struct { func }) };
}

/// Queues a work item.
///
/// # Safety
///
/// The queue is live. The work item is initialised and not queued. It stays valid until its
/// function has begun.
pub unsafe fn queue_work_on(
    _cpu: c_int,
    queue: *mut workqueue_struct,
    work: *mut work_struct,
) -> bool {
    // SAFETY: The caller guarantees that the queue is live.
    unsafe { &*queue }.0.enqueue(work);
    true
}

/// A workqueue. Its threads share it.
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    pending: VecDeque<Queued>,
    /// The tickets of the works that are pending or running.
    unfinished: BTreeSet<u64>,
    /// The number of works that were queued.
    tickets: u64,
    /// The number of threads that wait for work.
    idle: usize,
    threads: Vec<JoinHandle<()>>,
    is_ending: bool,
}

/// A work item by its address, and its ticket number.
struct Queued(*mut work_struct, u64);

// SAFETY: The caller of `queue_work_on()` guarantees that the work can run in another thread.
unsafe impl Send for Queued {}

impl Queue {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a work. Starts a thread if all others are busy, as the kernel does if they block.
    fn enqueue(self: &Arc<Self>, work: *mut work_struct) {
        let mut state = self.state();
        state.tickets += 1;
        let ticket = state.tickets;
        state.unfinished.insert(ticket);
        state.pending.push_back(Queued(work, ticket));
        if state.idle < state.pending.len() {
            let queue = self.clone();
            let thread = thread::Builder::new()
                .name("kworker".into())
                .spawn(move || queue.work())
                .expect("a thread for the workqueue");
            state.threads.push(thread);
        }
        self.changed.notify_all();
    }

    /// Waits until all works that were queued before have run.
    fn flush(&self) {
        let state = self.state();
        let last = state.tickets;
        let is_busy = |state: &mut State| state.unfinished.first().is_some_and(|&t| t <= last);
        context::block(|| {
            drop(
                self.changed
                    .wait_while(state, is_busy)
                    .unwrap_or_else(PoisonError::into_inner),
            );
        });
    }

    /// Ends the threads after the last work.
    fn end(&self) {
        self.flush();
        let threads = {
            let mut state = self.state();
            state.is_ending = true;
            self.changed.notify_all();
            std::mem::take(&mut state.threads)
        };
        for thread in threads {
            thread.join().expect("a work does not panic");
        }
    }

    fn work(&self) {
        let mut state = self.state();
        loop {
            if let Some(Queued(work, ticket)) = state.pending.pop_front() {
                drop(state);
                // SAFETY: The caller of `queue_work_on()` keeps the work valid until its function
                // has begun.
                if let Some(func) = unsafe { (*work).func } {
                    // SAFETY: The work is valid and has been removed from the queue.
                    unsafe { func(work) };
                }
                state = self.state();
                state.unfinished.remove(&ticket);
                self.changed.notify_all();
            } else if state.is_ending {
                return;
            } else {
                state.idle += 1;
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
            }
        }
    }
}
