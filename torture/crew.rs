// SPDX-License-Identifier: GPL-2.0

//! The threads of a run, and who watches over them.

use super::{
    counters::Count,
    disturbances,
    findings::Finding,
    reader, report,
    run::{Run, PATIENCE, TICK_MS},
};
use crate::kernel_ext::{
    cpu,
    delay::sleep_ms,
    kthread::{self, Attributes, Kthread, Priority},
};
use core::ffi::CStr;
use kernel::{prelude::*, sync::Arc};

/// How readers and fake writers run: whenever nobody else wants to, so that others preempt them.
pub(super) const LOWEST: Attributes = Attributes {
    cpu: None,
    priority: Priority::Lowest,
};
/// How all others run.
pub(super) const NORMAL: Attributes = Attributes {
    cpu: None,
    priority: Priority::Normal,
};

/// The threads of a run.
pub(super) struct Crew<'r> {
    run: &'r Arc<Run>,
    threads: KVec<Kthread>,
}

impl<'r> Crew<'r> {
    pub(super) fn new(run: &'r Arc<Run>) -> Self {
        Self {
            run,
            threads: KVec::new(),
        }
    }

    /// Starts a thread.
    ///
    /// Errors: those of [`Kthread::spawn`]. Context: may sleep.
    pub(super) fn hire(
        &mut self,
        name: &'static CStr,
        attributes: Attributes,
        work: impl FnOnce(&Run) + Send + 'static,
    ) -> Result {
        let run = self.run.clone();
        let work = move || {
            work(&run);
            // Whoever owns the thread expects to be the one who ends it.
            while !kthread::should_stop() {
                sleep_ms(TICK_MS);
            }
        };
        let thread = Kthread::spawn(name, attributes, work)?;
        self.threads.push(thread, GFP_KERNEL)?;
        Ok(())
    }

    /// Threads that disturb any run.
    pub(super) fn hire_troublemakers(&mut self) -> Result {
        if self.run.plan.stutter > 0 {
            self.hire(c"rcu_torture_stutter", NORMAL, disturbances::stutter)?;
        }
        if self.run.plan.onoff_interval > 0 {
            self.hire(c"rcu_torture_onoff", NORMAL, disturbances::hotplug)?;
        }
        if cfg!(CONFIG_PREEMPT_RCU) {
            for cpu in cpu::online() {
                let first = Attributes {
                    cpu: Some(cpu),
                    priority: Priority::RealTime,
                };
                match self.hire(c"rcu_torture_preempt", first, reader::preempt) {
                    // It has gone offline.
                    Err(error) if error == ENXIO => {}
                    result => result?,
                }
            }
        }
        Ok(())
    }

    /// Watches over the run until it is over.
    pub(super) fn watch(&self) {
        let mut watch = Watch::new(self.run);
        while !self.run.is_over() && !kthread::should_stop() {
            sleep_ms(TICK_MS);
            watch.look();
        }
        self.run.stop();
    }
}

impl Drop for Crew<'_> {
    fn drop(&mut self) {
        // All wind up at the same time; each is joined then.
        self.run.stop();
    }
}

/// Who looks after a run while it lasts.
struct Watch<'r> {
    run: &'r Run,
    reported: u64,
    updates: u64,
    updated: u64,
}

impl<'r> Watch<'r> {
    fn new(run: &'r Run) -> Self {
        Self {
            run,
            reported: 0,
            updates: 0,
            updated: 0,
        }
    }

    fn look(&mut self) {
        let plan = &self.run.plan;
        let seconds = self.run.seconds();
        if plan.stat_interval > 0 && seconds - self.reported >= plan.stat_interval.into() {
            self.reported = seconds;
            report::statistics(self.run);
        }
        let updates = self.run.total(Count::Updates);
        if updates != self.updates || self.run.is_paused() {
            self.updates = updates;
            self.updated = seconds;
        } else if seconds - self.updated >= PATIENCE {
            self.run
                .findings
                .note(Finding::Stuck, seconds - self.updated);
            self.updated = seconds;
        }
        if plan.shutdown > 0 && seconds >= plan.shutdown.into() {
            self.run.stop();
        }
    }
}
