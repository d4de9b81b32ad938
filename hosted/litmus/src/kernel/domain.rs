// SPDX-License-Identifier: GPL-2.0

//! Readers, grace periods and callbacks of RCU or of one SRCU domain.

use super::{sync::Waiting, this_execution};
use crate::ordering::at;
use loom::{
    sync::atomic::{AtomicUsize, Ordering},
    thread::{self, JoinHandle, ThreadId},
};
use std::{
    array,
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
    thread::panicking,
};

/// The state of RCU or of an SRCU domain.
///
/// Fields that are not atomic change together with the preceding atomic operation, because the
/// model checker switches threads only at atomic operations. Atomics are read by exchanges, which
/// return the newest value; a load may return an older one.
pub(super) struct Domain {
    /// Number of grace periods that have begun.
    begun_grace_periods: AtomicUsize,
    /// The critical sections. They are allocated in advance, so that their initialisation orders
    /// nothing.
    sections: [Rc<Section>; MAX_SECTIONS],
    /// Number of critical sections that have begun, including those that have ended. Only grace
    /// periods order an ended section before later code.
    begun_sections: Cell<usize>,
    /// The grace period of each cookie.
    cookies: RefCell<Vec<Rc<GracePeriod>>>,
    /// The threads of callbacks.
    callbacks: RefCell<Vec<JoinHandle<()>>>,
    /// The callbacks for [`Self::deferred_callback`]; `None` if callbacks are not deferred.
    deferred_callbacks: RefCell<Option<VecDeque<Callback>>>,
}

/// The maximum number of critical sections in one execution.
const MAX_SECTIONS: usize = 8;

type Callback = Box<dyn FnOnce()>;

/// A read-side critical section.
struct Section {
    /// The thread that is in the section, if any.
    thread: Cell<Option<ThreadId>>,
    has_ended: AtomicUsize,
    waiting: Waiting,
}

/// A read-side critical section. Its drop ends the section.
pub(super) struct Reader(Rc<Section>);

/// A grace period: the critical sections that had begun before it.
pub(super) struct GracePeriod(Vec<Rc<Section>>);

impl Domain {
    pub(super) fn new() -> Self {
        Self {
            begun_grace_periods: AtomicUsize::new(0),
            sections: array::from_fn(|_| Rc::new(Section::new())),
            begun_sections: Cell::new(0),
            cookies: RefCell::default(),
            callbacks: RefCell::default(),
            deferred_callbacks: RefCell::default(),
        }
    }

    pub(super) fn read_lock(&self) -> Reader {
        let begun = &self.begun_grace_periods;
        begun.fetch_add(0, at("rcu_read_lock", Ordering::Acquire));
        let index = self.begun_sections.get();
        self.begun_sections.set(index + 1);
        let section = self.sections[index].clone();
        section.thread.set(Some(thread::current().id()));
        Reader(section)
    }

    /// Returns whether this thread is in a critical section.
    pub(super) fn is_reader(&self) -> bool {
        let this_thread = Some(thread::current().id());
        let mut sections = self.sections.iter();
        sections.any(|section| section.thread.get() == this_thread)
    }

    pub(super) fn begin_grace_period(&self) -> GracePeriod {
        let begun = &self.begun_grace_periods;
        begun.fetch_add(1, at("synchronize_rcu begin", Ordering::Release));
        GracePeriod(self.sections[..self.begun_sections.get()].to_vec())
    }

    /// Begins a grace period and returns its number.
    pub(super) fn cookie(&self) -> usize {
        let grace_period = Rc::new(self.begin_grace_period());
        let mut cookies = self.cookies.borrow_mut();
        cookies.push(grace_period);
        cookies.len() - 1
    }

    pub(super) fn grace_period(&self, cookie: usize) -> Rc<GracePeriod> {
        self.cookies.borrow()[cookie].clone()
    }

    /// Calls `callback` in a new thread after a grace period, or defers it.
    pub(super) fn call(&self, callback: impl FnOnce() + 'static) {
        let grace_period = self.begin_grace_period();
        let callback = Box::new(move || {
            grace_period.wait();
            this_execution().assert_is_loaded();
            callback();
        });
        if let Some(deferred) = &mut *self.deferred_callbacks.borrow_mut() {
            return deferred.push_back(callback);
        }
        self.callbacks.borrow_mut().push(thread::spawn(callback));
    }

    /// Defers later callbacks to [`Self::deferred_callback`].
    pub(super) fn defer_callbacks(&self) {
        self.deferred_callbacks.replace(Some(VecDeque::new()));
    }

    /// Removes the oldest deferred callback.
    pub(super) fn deferred_callback(&self) -> impl FnOnce() {
        let mut deferred = self.deferred_callbacks.borrow_mut();
        let first = deferred.as_mut().and_then(VecDeque::pop_front);
        first.expect("a callback is deferred")
    }

    /// Waits for the callbacks that are queued. Returns whether there were any.
    pub(super) fn barrier(&self) -> bool {
        join_all(&self.callbacks)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if !panicking() {
            let Section {
                thread,
                has_ended,
                waiting,
            } = &*self.0;
            has_ended.fetch_add(1, at("rcu_read_unlock", Ordering::Release));
            thread.set(None);
            waiting.wake_all();
        }
    }
}

impl GracePeriod {
    pub(super) fn is_complete(&self) -> bool {
        this_execution().has_broken_grace_periods.get()
            || self.0.iter().all(|section| section.has_ended())
    }

    pub(super) fn wait(&self) {
        if !this_execution().has_broken_grace_periods.get() {
            for section in &self.0 {
                section
                    .waiting
                    .wait_while(|| section.thread.get().is_some());
            }
        }
        assert!(self.is_complete(), "all sections have ended");
    }
}

impl Section {
    fn new() -> Self {
        Self {
            thread: Cell::new(None),
            has_ended: AtomicUsize::new(0),
            waiting: Waiting::default(),
        }
    }

    fn has_ended(&self) -> bool {
        self.has_ended
            .fetch_add(0, at("synchronize_rcu end", Ordering::Acquire))
            != 0
    }
}

/// Waits for all threads. Returns whether there were any.
pub(super) fn join_all(threads: &RefCell<Vec<JoinHandle<()>>>) -> bool {
    let threads = threads.take();
    let were_any = !threads.is_empty();
    for thread in threads {
        thread
            .join()
            .expect("a panic of a thread ends the execution");
    }
    were_any
}
