// SPDX-License-Identifier: GPL-2.0

//! Starting and stopping runs, from module parameters, which know statics alone and may be written before the
//! module's init has run and after its exit has begun.

use super::{
    knobs::Plan,
    report,
    run::{conduct, Run},
};
use crate::{
    kthread::{Attributes, Kthread},
    rcu::{read_lock, Rcu, RcuBox, Reclaim, Workqueue},
};
use core::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
};
use kernel::{new_mutex, prelude::*, sync::Arc, sync::Mutex};

/// The control of the module, while there is one.
static CURRENT: Rcu<Handle> = Rcu::null();

/// A run was asked for before there was a control.
static IS_WANTED: AtomicBool = AtomicBool::new(false);

struct Handle(Arc<Control>);

impl Reclaim for Handle {
    // A run that ends waits for its threads.
    type Context = Workqueue;
}

#[pin_data]
struct Control {
    #[pin]
    state: Mutex<State>,
}

struct State {
    is_open: bool,
    runs: u32,
    last: Option<Started>,
}

/// A run with the thread that conducts it.
struct Started {
    run: Arc<Run>,
    _conductor: Kthread,
}

/// Lets runs be started. Dropped, it ends the one that goes on, and lets no other begin.
pub(crate) struct Registration(());

impl Registration {
    /// Starts the run that `insmod` asked for.
    ///
    /// Errors: `ENOMEM`, or those of [`start`]. Context: may sleep.
    pub(crate) fn new() -> Result<Self> {
        let state = State {
            is_open: true,
            runs: 0,
            last: None,
        };
        let control = Arc::pin_init(
            pin_init!(Control { state <- new_mutex!(state, "torture") }),
            GFP_KERNEL,
        )?;
        drop(CURRENT.replace(Some(RcuBox::new(Handle(control), GFP_KERNEL)?)));
        let registration = Self(());
        // ORDERING: Parameters are set one at a time, and those of insmod before init.
        if IS_WANTED.load(Ordering::Relaxed) {
            start()?;
        }
        Ok(registration)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let Some(control) = current() else {
            return;
        };
        drop(CURRENT.replace(None));
        let mut state = control.state.lock();
        state.is_open = false;
        let last = state.last.take();
        // Whoever shows or sets the parameter meanwhile does not wait for threads.
        drop(state);
        if let Some(last) = &last {
            last.run.stop();
        }
        drop(last);
    }
}

fn current() -> Option<Arc<Control>> {
    CURRENT
        .dereference(&read_lock())
        .map(|handle| handle.0.clone())
}

/// Starts a run, or has the module's init start one.
///
/// Errors: `EBUSY` if one goes on, `EINVAL` for knobs that do not fit together, `ENODEV` if the module is
/// going, `ENOMEM`. Context: may sleep.
pub(super) fn start() -> Result {
    let Some(control) = current() else {
        IS_WANTED.store(true, Ordering::Relaxed);
        return Ok(());
    };
    let mut state = control.state.lock();
    if !state.is_open {
        return Err(ENODEV);
    }
    if state
        .last
        .as_ref()
        .is_some_and(|last| !last.run.has_ended())
    {
        pr_err!("parameter torture: a run goes on; write 0 to end it\n");
        return Err(EBUSY);
    }
    let run = Arc::new(Run::new(Plan::from_knobs()?)?, GFP_KERNEL)?;
    let conducted = run.clone();
    let conductor = Kthread::spawn(c"rcu_torture", Attributes::default(), move || {
        conduct(&conducted);
    })?;
    state.runs += 1;
    state.last = Some(Started {
        run,
        _conductor: conductor,
    });
    Ok(())
}

/// Asks the run that goes on to end. Does not wait.
///
/// Context: may sleep.
pub(super) fn stop() {
    IS_WANTED.store(false, Ordering::Relaxed);
    if let Some(control) = current() {
        if let Some(last) = &control.state.lock().last {
            last.run.stop();
        }
    }
}

/// What the parameter `torture` shows.
pub(super) struct Status;

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let control = current();
        let state = control.as_ref().map(|control| control.state.lock());
        let run = state.as_ref().and_then(|state| state.last.as_ref());
        let status = report::Status {
            run: run.map(|last| &*last.run),
            runs: state.as_ref().map_or(0, |state| state.runs),
        };
        fmt::Display::fmt(&status, f)
    }
}
