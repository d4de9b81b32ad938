// SPDX-License-Identifier: GPL-2.0

//! Readers, grace periods and callbacks that have to do with each other: RCU, or a domain of SRCU.

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

/// What is not atomic changes together with the atomic operation before it: the model checker switches
/// threads at such operations only. The atomics are read by exchanges, which see the newest value; a
/// load may see an older one.
pub(super) struct Domain {
    /// How many grace periods have begun.
    begun_grace_periods: AtomicUsize,
    /// The critical sections, made in advance, as making them is not to be a matter of order.
    sections: [Rc<Section>; MAX_SECTIONS],
    /// How many of them have begun. Those that have ended count: grace periods order them too, and
    /// nothing else does.
    begun_sections: Cell<usize>,
    /// The grace periods that cookies stand for.
    cookies: RefCell<Vec<Rc<GracePeriod>>>,
    /// The threads of callbacks.
    callbacks: RefCell<Vec<JoinHandle<()>>>,
    /// The callbacks that wait for [`Self::held_callback`], if they are to.
    held_callbacks: RefCell<Option<VecDeque<Callback>>>,
}

/// How many critical sections one execution may have.
const MAX_SECTIONS: usize = 8;

type Callback = Box<dyn FnOnce()>;

/// A read-side critical section.
struct Section {
    /// The thread that is in it.
    thread: Cell<Option<ThreadId>>,
    has_ended: AtomicUsize,
    waiting: Waiting,
}

/// A read-side critical section, to be ended.
pub(super) struct Reader(Rc<Section>);

/// The critical sections that had begun when a grace period began.
pub(super) struct GracePeriod(Vec<Rc<Section>>);

impl Domain {
    pub(super) fn new() -> Self {
        Self {
            begun_grace_periods: AtomicUsize::new(0),
            sections: array::from_fn(|_| Rc::new(Section::new())),
            begun_sections: Cell::new(0),
            cookies: RefCell::default(),
            callbacks: RefCell::default(),
            held_callbacks: RefCell::default(),
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

    /// Whether this thread is in a critical section.
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

    /// Begins a grace period, to be asked for by a number.
    pub(super) fn cookie(&self) -> usize {
        let grace_period = Rc::new(self.begin_grace_period());
        let mut cookies = self.cookies.borrow_mut();
        cookies.push(grace_period);
        cookies.len() - 1
    }

    pub(super) fn grace_period(&self, cookie: usize) -> Rc<GracePeriod> {
        self.cookies.borrow()[cookie].clone()
    }

    /// Has a thread call `callback` after a grace period.
    pub(super) fn call(&self, callback: impl FnOnce() + 'static) {
        let grace_period = self.begin_grace_period();
        let callback = Box::new(move || {
            grace_period.wait();
            this_execution().assert_is_loaded();
            callback();
        });
        if let Some(held) = &mut *self.held_callbacks.borrow_mut() {
            return held.push_back(callback);
        }
        self.callbacks.borrow_mut().push(thread::spawn(callback));
    }

    /// Keeps callbacks from now on, for [`Self::held_callback`].
    pub(super) fn hold_callbacks(&self) {
        self.held_callbacks.replace(Some(VecDeque::new()));
    }

    /// Takes the callback that is kept longest.
    pub(super) fn held_callback(&self) -> impl FnOnce() {
        let mut held = self.held_callbacks.borrow_mut();
        let first = held.as_mut().and_then(VecDeque::pop_front);
        first.expect("a callback is held")
    }

    /// Waits for the callbacks that were queued before; returns whether there were any.
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
        this_execution().takes_no_time.get() || self.0.iter().all(|section| section.has_ended())
    }

    pub(super) fn wait(&self) {
        if !this_execution().takes_no_time.get() {
            for section in &self.0 {
                section
                    .waiting
                    .wait_while(|| section.thread.get().is_some());
            }
        }
        assert!(self.is_complete(), "nobody is in the sections any more");
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

/// Waits for all these threads; returns whether there were any.
pub(super) fn join_all(threads: &RefCell<Vec<JoinHandle<()>>>) -> bool {
    let threads = threads.take();
    let were_any = !threads.is_empty();
    for thread in threads {
        thread.join().expect("a thread that panics ends the model");
    }
    were_any
}
