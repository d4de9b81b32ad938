// SPDX-License-Identifier: GPL-2.0

//! Work in process context. The module has only one workqueue.

use super::{domain::join_all, this_execution};
use loom::{
    cell::UnsafeCell,
    thread::{self, JoinHandle},
};
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    ptr,
};

/// The workqueue. It is part of an execution, so that accesses after its end can be recognised.
pub struct Queue {
    /// Records creation, use and destruction.
    memory: UnsafeCell<()>,
    is_live: Cell<bool>,
    /// The works for [`Self::run_deferred`]; `None` if works are not deferred.
    deferred: RefCell<Option<VecDeque<Work>>>,
    workers: RefCell<Vec<JoinHandle<()>>>,
}

type Work = Box<dyn FnOnce()>;

impl Queue {
    pub(super) fn new() -> Self {
        Self {
            memory: UnsafeCell::new(()),
            is_live: Cell::new(false),
            deferred: RefCell::default(),
            workers: RefCell::default(),
        }
    }

    pub(super) fn create() -> *mut Self {
        let execution = this_execution();
        let queue = &execution.work;
        queue.memory.with_mut(|_| ());
        assert!(!queue.is_live.replace(true), "there is only one workqueue");
        // The execution outlives all threads.
        ptr::from_ref(queue).cast_mut()
    }

    pub(super) fn destroy(&self) {
        self.memory.with_mut(|_| ());
        assert!(self.is_live.replace(false), "the workqueue was destroyed");
    }

    /// Runs a work in a new thread, or defers it.
    pub(super) fn queue(&self, work: impl FnOnce() + 'static) {
        self.memory.with(|_| ());
        assert!(self.is_live.get(), "the workqueue was destroyed");
        let work = Box::new(move || {
            this_execution().assert_is_loaded();
            work();
        });
        if let Some(deferred) = &mut *self.deferred.borrow_mut() {
            return deferred.push_back(work);
        }
        self.workers.borrow_mut().push(thread::spawn(work));
    }

    /// Defers later works to [`Self::run_deferred`].
    pub(super) fn defer(&self) {
        self.deferred.replace(Some(VecDeque::new()));
    }

    /// Runs the deferred works in the calling thread.
    pub(super) fn run_deferred(&self) {
        loop {
            let mut deferred = self.deferred.borrow_mut();
            let Some(work) = deferred.as_mut().and_then(VecDeque::pop_front) else {
                return;
            };
            drop(deferred);
            work();
        }
    }

    /// Waits for the works that are queued. Returns whether there were any.
    pub(super) fn flush(&self) -> bool {
        join_all(&self.workers)
    }
}
