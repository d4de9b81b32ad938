// SPDX-License-Identifier: GPL-2.0

//! Jobs: what a module parameter starts in a thread of its own, one at a time.
//!
//! Parameters know statics alone, and may be written before the module's init has run and after its exit has
//! begun. So a static [`Slot`] leads to the control of the jobs while there is one:
//!
//! ```text
//!   parameter ──► static Slot ──RCU──► Control { last job, its thread } ◄── Registration, in the module
//! ```
//!
//! What `insmod` asks for waits in the slot until init starts it. Nothing blocks who writes or reads the parameter;
//! unload ends the job that goes on and joins its thread.

pub(crate) use super::progress::{Outcome, Progress};

use crate::{
    kernel_ext::kthread::{Attributes, Kthread},
    rcu::{read_lock, Rcu, RcuBox, Reclaim, Workqueue},
};
use core::{
    ffi::CStr,
    sync::atomic::{AtomicUsize, Ordering},
};
use kernel::{new_mutex, prelude::*, sync::Arc, sync::Mutex};

/// What can be started and stopped.
pub(crate) trait Job: Send + Sync + 'static {
    /// The name of the thread that conducts it.
    const NAME: &'static CStr;

    /// Its parameter, and what to tell who starts another one meanwhile.
    const BUSY: &'static str;

    /// Where that thread runs.
    fn attributes(&self) -> Attributes {
        Attributes::default()
    }

    /// What it does, from the beginning to the end.
    ///
    /// Context: in a thread of its own.
    fn conduct(this: &Arc<Self>);

    /// Asks the job to end. Must not wait.
    fn stop(&self);

    /// Whether another one may begin.
    fn has_ended(&self) -> bool;
}

/// Where the jobs of one type are found.
pub(crate) struct Slot<J: Job> {
    control: Rcu<Handle<J>>,
    /// One more than the number of the job that `insmod` asked for; 0 for none.
    wanted: AtomicUsize,
}

struct Handle<J: Job>(Arc<Control<J>>);

impl<J: Job> Reclaim for Handle<J> {
    // A job that ends waits for its threads.
    type Context = Workqueue;
}

#[pin_data]
struct Control<J: Job> {
    #[pin]
    state: Mutex<State<J>>,
}

struct State<J: Job> {
    is_open: bool,
    jobs: u32,
    last: Option<Started<J>>,
}

/// A job with the thread that conducts it.
struct Started<J: Job> {
    job: Arc<J>,
    _conductor: Kthread,
}

/// Lets jobs of a slot be started. Dropped, it ends the one that goes on, and lets no other begin.
pub(crate) struct Registration<J: Job>(&'static Slot<J>);

impl<J: Job> Slot<J> {
    /// A slot in which nothing can be started.
    pub(crate) const fn new() -> Self {
        Self {
            control: Rcu::null(),
            wanted: AtomicUsize::new(0),
        }
    }

    /// Lets jobs be started, for as long as what this returns lives.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(crate) fn open(&'static self) -> Result<Registration<J>> {
        let state = State {
            is_open: true,
            jobs: 0,
            last: None,
        };
        let control = Arc::pin_init(
            pin_init!(Control { state <- new_mutex!(state, "job") }),
            GFP_KERNEL,
        )?;
        drop(
            self.control
                .replace(Some(RcuBox::new(Handle(control), GFP_KERNEL)?)),
        );
        Ok(Registration(self))
    }

    fn control(&self) -> Option<Arc<Control<J>>> {
        self.control
            .dereference(&read_lock())
            .map(|handle| handle.0.clone())
    }

    /// The number of the job that `insmod` asked for.
    pub(crate) fn wanted(&self) -> Option<usize> {
        // ORDERING: Parameters are set one at a time, and those of insmod before init.
        self.wanted.load(Ordering::Relaxed).checked_sub(1)
    }

    /// Starts the job that `new` makes. Before the module's init only its number is kept.
    ///
    /// Errors: `EBUSY` if one goes on, `ENODEV` if the module is going, `ENOMEM`, and those of `new`. Context: may
    /// sleep.
    pub(crate) fn start(&self, number: usize, new: impl FnOnce() -> Result<J>) -> Result {
        let Some(control) = self.control() else {
            self.wanted.store(number + 1, Ordering::Relaxed);
            return Ok(());
        };
        let mut state = control.state.lock();
        if !state.is_open {
            return Err(ENODEV);
        }
        if state
            .last
            .as_ref()
            .is_some_and(|last| !last.job.has_ended())
        {
            pr_err!("parameter {}\n", J::BUSY);
            return Err(EBUSY);
        }
        let job = Arc::new(new()?, GFP_KERNEL)?;
        let conducted = job.clone();
        let attributes = job.attributes();
        let conductor = Kthread::spawn(J::NAME, attributes, move || J::conduct(&conducted))?;
        state.jobs += 1;
        state.last = Some(Started {
            job,
            _conductor: conductor,
        });
        Ok(())
    }

    /// Asks the job that goes on to end. Does not wait.
    ///
    /// Context: may sleep.
    pub(crate) fn stop(&self) {
        self.wanted.store(0, Ordering::Relaxed);
        self.look(|last, _| {
            if let Some(job) = last {
                job.stop();
            }
        });
    }

    /// Shows `look` the job that was started last, and how many were.
    ///
    /// Context: may sleep.
    pub(crate) fn look<R>(&self, look: impl FnOnce(Option<&J>, u32) -> R) -> R {
        match self.control() {
            None => look(None, 0),
            Some(control) => {
                let state = control.state.lock();
                look(state.last.as_ref().map(|last| &*last.job), state.jobs)
            }
        }
    }
}

impl<J: Job> Drop for Registration<J> {
    fn drop(&mut self) {
        let Some(control) = self.0.control() else {
            return;
        };
        drop(self.0.control.replace(None));
        let mut state = control.state.lock();
        state.is_open = false;
        let last = state.last.take();
        // Whoever shows or sets the parameter meanwhile does not wait for threads.
        drop(state);
        if let Some(last) = &last {
            last.job.stop();
        }
        drop(last);
    }
}
