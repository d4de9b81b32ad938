// SPDX-License-Identifier: GPL-2.0

//! The threads of a run: the culprit, and those who suffer.

use super::run::Run;
use crate::kernel_ext::kthread::{Attributes, Kthread};
use core::{ffi::CStr, mem};
use kernel::{prelude::*, sync::Arc};

/// The name of the thread that needs the grace period.
const WAITER: &CStr = c"stall_waiter";

/// Threads that are ended and joined when this is dropped.
pub(super) struct Scene<'r> {
    run: &'r Arc<Run>,
    threads: KVec<Kthread>,
}

impl<'r> Scene<'r> {
    pub(super) fn new(run: &'r Arc<Run>) -> Self {
        Self {
            run,
            threads: KVec::new(),
        }
    }

    /// Starts a thread.
    ///
    /// Errors: those of [`Kthread::spawn`]. Context: may sleep.
    pub(super) fn spawn(
        &mut self,
        name: &'static CStr,
        attributes: Attributes,
        work: impl FnOnce(&Run) + Send + 'static,
    ) -> Result {
        let run = self.run.clone();
        self.threads.reserve(1, GFP_KERNEL)?;
        let thread = Kthread::spawn(name, attributes, move || work(&run))?;
        self.threads.push(thread, GFP_KERNEL)?;
        Ok(())
    }

    /// Starts a thread that does `work` when the culprit has begun.
    ///
    /// It is to be there before: a CPU that does nothing else looks idle when its interrupts are off, so threads
    /// that are started or woken then may land on it.
    ///
    /// Errors and context: as for [`Self::spawn`].
    pub(super) fn victim(
        &mut self,
        name: &'static CStr,
        attributes: Attributes,
        work: impl FnOnce(&Run) + Send + 'static,
    ) -> Result {
        self.spawn(name, attributes, move |run| {
            run.wait_until_held();
            if !run.is_over() {
                work(run);
            }
        })
    }

    /// Starts the thread that needs the grace period, which `wait` waits for, on another CPU.
    ///
    /// Errors and context: as for [`Self::spawn`].
    pub(super) fn waiter(&mut self, wait: fn()) -> Result {
        self.victim(WAITER, self.elsewhere(), move |_| wait())
    }

    /// Starts the culprit, on the run's CPU. It says when it has begun, by [`Run::note_held`].
    ///
    /// Errors and context: as for [`Self::spawn`].
    pub(super) fn culprit(&mut self, work: impl FnOnce(&Run) + Send + 'static) -> Result {
        let name = self.run.plan.kind.culprit.unwrap_or(c"stall_culprit");
        self.spawn(name, self.on_cpu(), work)
    }

    /// On the CPU that suffers.
    pub(super) fn on_cpu(&self) -> Attributes {
        Attributes {
            cpu: Some(self.run.plan.cpu),
            ..Attributes::default()
        }
    }

    /// On another CPU, if there is one.
    pub(super) fn elsewhere(&self) -> Attributes {
        Attributes {
            cpu: self.run.plan.other_cpu,
            ..Attributes::default()
        }
    }

    /// Waits until all threads have ended, which need no time.
    ///
    /// Context: may sleep.
    pub(super) fn join(mut self) {
        drop(mem::take(&mut self.threads));
    }

    /// Waits until the run is over, and all threads have ended.
    ///
    /// Context: may sleep.
    pub(super) fn play(self) {
        self.run.sleep();
    }
}

impl Drop for Scene<'_> {
    fn drop(&mut self) {
        // Where the scene could not be set up, what there is of it ends too. The threads are joined then.
        if !self.run.is_over() {
            self.run.abandon();
        }
    }
}
