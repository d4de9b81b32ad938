// SPDX-License-Identifier: GPL-2.0

//! The threads of a stall: the culprit, and the threads that it blocks.

use super::run::Run;
use crate::kernel_ext::kthread::{Attributes, Kthread};
use core::{ffi::CStr, mem};
use kernel::{prelude::*, sync::Arc};

/// The name of the thread that waits for the blocked grace period.
const WAITER: &CStr = c"stall_waiter";

/// The name of threads that update under a reader.
pub(super) const UPDATER: &CStr = c"stall_updater";

/// The threads of a stall. Dropping it ends the run and joins them.
pub(super) struct StallThreads<'r> {
    run: &'r Arc<Run>,
    threads: KVec<Kthread>,
}

impl<'r> StallThreads<'r> {
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

    /// Starts a thread that does `work` once the culprit has begun.
    ///
    /// The thread must exist before the culprit begins. A CPU whose interrupts are off looks idle,
    /// so the scheduler may place threads on it that are started or woken later.
    ///
    /// Errors and context: as for [`Self::spawn`].
    pub(super) fn spawn_blocked(
        &mut self,
        name: &'static CStr,
        attributes: Attributes,
        work: impl FnOnce(&Run) + Send + 'static,
    ) -> Result {
        self.spawn(name, attributes, move |run| {
            run.wait_for_culprit();
            if !run.is_over() {
                work(run);
            }
        })
    }

    /// Starts a thread on another CPU that waits for the blocked grace period by calling `wait`.
    ///
    /// Errors and context: as for [`Self::spawn`].
    pub(super) fn spawn_waiter(&mut self, wait: fn()) -> Result {
        self.spawn_blocked(WAITER, self.on_other_cpu(), move |_| wait())
    }

    /// Starts the culprit on the CPU to stall. It must call [`Run::note_culprit_began`].
    ///
    /// Errors and context: as for [`Self::spawn`].
    pub(super) fn spawn_culprit(&mut self, work: impl FnOnce(&Run) + Send + 'static) -> Result {
        let name = self.run.plan.culprit.unwrap_or(c"stall_culprit");
        self.spawn(name, self.on_stalled_cpu(), work)
    }

    /// Returns the attributes of a thread on the CPU to stall.
    pub(super) fn on_stalled_cpu(&self) -> Attributes {
        Attributes {
            cpu: Some(self.run.plan.cpu),
            ..Attributes::default()
        }
    }

    /// Returns the attributes of a thread on another CPU, if there is one.
    pub(super) fn on_other_cpu(&self) -> Attributes {
        Attributes {
            cpu: self.run.plan.other_cpu,
            ..Attributes::default()
        }
    }

    /// Joins all threads, which exit by themselves.
    ///
    /// Context: may sleep.
    pub(super) fn join(mut self) {
        drop(mem::take(&mut self.threads));
    }

    /// Waits until the run is over, then joins all threads.
    ///
    /// Context: may sleep.
    pub(super) fn join_when_over(self) {
        self.run.sleep_until_over();
    }
}

impl Drop for StallThreads<'_> {
    fn drop(&mut self) {
        // Setup has failed: the started threads must exit before they are joined.
        if !self.run.is_over() {
            self.run.abandon();
        }
    }
}
