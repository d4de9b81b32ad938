// SPDX-License-Identifier: GPL-2.0

//! Starts and stops jobs on behalf of a module parameter.
//!
//! A parameter can only access statics, and can be written before the module's init and after its
//! exit has begun. So a static [`JobControl`] points to the state of the jobs while the module can
//! run them:
//!
//! ```text
//!   parameter ──► static JobControl ──RCU──► State { last job, its thread }
//!                        ▲
//!                        └── Registration, in the module
//! ```
//!
//! Init starts the job that `insmod` has requested. Reading or writing the parameter never waits
//! for a job. Unload stops the running job and joins its thread.

use super::job::Job;
use crate::{
    kernel_ext::{kthread::Kthread, params::Choice},
    rcu::{read_lock, Rcu, Reclaim, UniqueRcuBox, Workqueue},
};
use core::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
};
use kernel::{new_mutex, prelude::*, sync::Arc, sync::Mutex};

/// Controls the jobs of one type.
pub(crate) struct JobControl<J: Job> {
    /// Null before init and after exit has begun.
    shared: Rcu<Handle<J>>,
    /// Before init, the index of the kind that `insmod` has requested, plus one; 0 if none.
    /// [`CLOSED`] after exit has begun.
    deferred: AtomicUsize,
}

/// No job can start any more.
const CLOSED: usize = usize::MAX;

struct Handle<J: Job>(Arc<Shared<J>>);

impl<J: Job> Reclaim for Handle<J> {
    // Dropping the last job joins its thread, which sleeps.
    type Context = Workqueue;
}

#[pin_data]
struct Shared<J: Job> {
    #[pin]
    state: Mutex<State<J>>,
}

struct State<J: Job> {
    is_open: bool,
    /// The number of jobs started so far.
    count: u32,
    last: Option<StartedJob<J>>,
}

struct StartedJob<J: Job> {
    job: Arc<J>,
    _thread: Kthread,
}

/// A registered [`JobControl`], which can start jobs. Dropping it stops the running job, joins its
/// thread, and refuses further jobs.
pub(crate) struct Registration<J: Job>(&'static JobControl<J>);

impl<J: Job> JobControl<J> {
    /// Creates a control that defers requests until it is registered.
    pub(crate) const fn new() -> Self {
        Self {
            shared: Rcu::null(),
            deferred: AtomicUsize::new(0),
        }
    }

    /// Lets requests start jobs while the result lives, and starts the job that `insmod` has
    /// requested.
    ///
    /// Errors: `ENOMEM`, and those of [`Job::new`]. Context: may sleep.
    pub(crate) fn register(&'static self) -> Result<Registration<J>> {
        let state = State {
            is_open: true,
            count: 0,
            last: None,
        };
        let shared = Arc::pin_init(
            pin_init!(Shared { state <- new_mutex!(state, "job") }),
            GFP_KERNEL,
        )?;
        let handle = UniqueRcuBox::new(Handle(shared), GFP_KERNEL)?;
        drop(self.shared.replace(Some(handle)));
        let registration = Registration(self);
        // ORDERING: Relaxed: insmod sets parameters before init, in the same thread.
        let deferred = self.deferred.load(Ordering::Relaxed).checked_sub(1);
        if let Some(kind) = deferred.and_then(|index| J::Kind::ALL.get(index)) {
            self.start(*kind)?;
        }
        Ok(registration)
    }

    /// Starts a job of a kind, or stops the running one without waiting for its end. Before init, a
    /// start is deferred.
    ///
    /// Errors: `EBUSY` if a job is running, `ENODEV` if the module is being unloaded, `ENOMEM`, and
    /// those of [`Job::new`]. Context: may sleep.
    pub(crate) fn request(&self, kind: Option<J::Kind>) -> Result {
        match kind {
            Some(kind) => self.start(kind),
            None => {
                self.stop();
                Ok(())
            }
        }
    }

    fn start(&self, kind: J::Kind) -> Result {
        let Some(shared) = self.shared() else {
            let index = J::Kind::NAMES.iter().position(|name| *name == kind.name());
            return self.defer(index.map_or(0, |index| index + 1));
        };
        let mut state = shared.state.lock();
        if !state.is_open {
            return Err(ENODEV);
        }
        let last = state.last.as_ref();
        if last.is_some_and(|last| !last.job.progress().has_ended()) {
            pr_err!("parameter {}\n", J::BUSY);
            return Err(EBUSY);
        }
        let job = Arc::new(J::new(kind)?, GFP_KERNEL)?;
        let running = job.clone();
        let run = move || J::run(&running);
        let _thread = Kthread::spawn(J::THREAD_NAME, job.attributes(), run)?;
        state.count += 1;
        state.last = Some(StartedJob { job, _thread });
        Ok(())
    }

    /// Keeps a request until init.
    ///
    /// Errors: `ENODEV` after exit has begun.
    fn defer(&self, request: usize) -> Result {
        // ORDERING: Relaxed: the number is all that is shared.
        let unless_closed = |old| (old != CLOSED).then_some(request);
        let stored =
            self.deferred
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, unless_closed);
        stored.map(drop).map_err(|_| ENODEV)
    }

    fn stop(&self) {
        // Nothing is left to stop after exit has begun.
        let _ = self.defer(0);
        if let Some(shared) = self.shared() {
            if let Some(last) = &shared.state.lock().last {
                last.job.progress().stop();
            }
        }
    }

    fn shared(&self) -> Option<Arc<Shared<J>>> {
        self.shared
            .dereference(&read_lock())
            .map(|handle| handle.0.clone())
    }
}

/// Displays the status of the jobs.
impl<J: Job> fmt::Display for JobControl<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.shared() {
            None => J::write_status(f, None, 0),
            Some(shared) => {
                let state = shared.state.lock();
                let last = state.last.as_ref().map(|last| &*last.job);
                J::write_status(f, last, state.count)
            }
        }
    }
}

impl<J: Job> Drop for Registration<J> {
    fn drop(&mut self) {
        let Some(shared) = self.0.shared() else {
            return;
        };
        // Requests that find no state must not believe that init is still to come.
        self.0.deferred.store(CLOSED, Ordering::Relaxed);
        drop(self.0.shared.replace(None));
        let mut state = shared.state.lock();
        state.is_open = false;
        let last = state.last.take();
        // Without the lock: accesses to the parameter must not wait for the thread's end.
        drop(state);
        if let Some(last) = &last {
            last.job.progress().stop();
        }
        drop(last);
    }
}
