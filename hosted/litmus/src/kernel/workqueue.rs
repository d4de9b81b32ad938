// SPDX-License-Identifier: GPL-2.0

//! Work in process context. The module has only one work item.

use super::{domain::join_all, sync::RawLock, this_execution};
use loom::{
    cell::UnsafeCell,
    sync::atomic::{AtomicBool, Ordering},
    thread::{self, JoinHandle},
};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

/// A workqueue.
pub struct Queue(());

static SYSTEM: Queue = Queue(());

/// The system's workqueue.
pub fn system() -> &'static Queue {
    &SYSTEM
}

/// The work item.
pub(super) struct Work {
    function: RefCell<Option<Rc<dyn Fn()>>>,
    /// Records accesses to `function`.
    memory: UnsafeCell<()>,
    is_pending: AtomicBool,
    is_running: RawLock,
    is_deferred: Cell<bool>,
    workers: RefCell<Vec<JoinHandle<()>>>,
}

impl Work {
    pub(super) fn new() -> Self {
        Self {
            function: RefCell::default(),
            memory: UnsafeCell::new(()),
            is_pending: AtomicBool::new(false),
            is_running: RawLock::default(),
            is_deferred: Cell::new(false),
            workers: RefCell::default(),
        }
    }

    pub(super) fn initialise(&self, function: impl Fn() + 'static) {
        self.memory.with_mut(|_| ());
        self.function.replace(Some(Rc::new(function)));
    }

    /// Runs the work in a new thread, unless it is pending or deferred. Returns false if it was
    /// pending.
    pub(super) fn queue(&self) -> bool {
        let function = self.function();
        let was_pending = self.is_pending.swap(true, Ordering::AcqRel);
        if !was_pending && !self.is_deferred.get() {
            let worker = thread::spawn(move || this_execution().work.run(&*function));
            self.workers.borrow_mut().push(worker);
        }
        !was_pending
    }

    fn run(&self, function: &dyn Fn()) {
        this_execution().assert_is_loaded();
        self.is_running.lock(Ordering::Acquire);
        self.is_pending.swap(false, Ordering::AcqRel);
        function();
        self.is_running.unlock(Ordering::Release);
    }

    /// Defers later work to [`Self::run_deferred`].
    pub(super) fn defer(&self) {
        self.is_deferred.set(true);
    }

    pub(super) fn run_deferred(&self) {
        self.run(&*self.function());
    }

    /// Waits for the work that is queued. Returns whether there was any.
    pub(super) fn flush(&self) -> bool {
        join_all(&self.workers)
    }

    fn function(&self) -> Rc<dyn Fn()> {
        self.memory.with(|_| ());
        let function = self.function.borrow().clone();
        function.expect("work is initialised before it is queued")
    }
}
