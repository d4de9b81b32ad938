// SPDX-License-Identifier: GPL-2.0

//! The threads of a run, and their supervision.

use super::{
    counters::Count,
    disturbances,
    findings::Finding,
    reader, report,
    run::{Run, POLL_INTERVAL_MS, STUCK_TIMEOUT_SECS},
};
use crate::kernel_ext::{
    cpu,
    delay::sleep_ms,
    kthread::{self, Attributes, Kthread, Priority},
};
use core::ffi::CStr;
use kernel::{prelude::*, sync::Arc};

/// Attributes of readers and fake writers: every other thread preempts them.
pub(super) const LOWEST: Attributes = Attributes {
    cpu: None,
    priority: Priority::Lowest,
};
/// Attributes of all other threads.
pub(super) const NORMAL: Attributes = Attributes {
    cpu: None,
    priority: Priority::Normal,
};

/// The threads of a run. Dropping it stops the run and joins them.
pub(super) struct TortureThreads<'r> {
    run: &'r Arc<Run>,
    threads: KVec<Kthread>,
}

impl<'r> TortureThreads<'r> {
    pub(super) fn new(run: &'r Arc<Run>) -> Self {
        Self {
            run,
            threads: KVec::new(),
        }
    }

    /// Starts a thread, unless the run is over: starting many takes longer than a short run lasts.
    ///
    /// Errors: those of [`Kthread::spawn`]. Context: may sleep.
    pub(super) fn spawn(
        &mut self,
        name: &'static CStr,
        attributes: Attributes,
        work: impl FnOnce(&Run) + Send + 'static,
    ) -> Result {
        self.run.stop_at_its_time();
        if self.run.is_over() {
            return Ok(());
        }
        let run = self.run.clone();
        let work = move || {
            work(&run);
            // `Kthread` joins by `kthread_stop()`: the thread must not end earlier.
            while !kthread::should_stop() {
                sleep_ms(POLL_INTERVAL_MS);
            }
        };
        let thread = Kthread::spawn(name, attributes, work)?;
        self.threads.push(thread, GFP_KERNEL)?;
        Ok(())
    }

    /// Starts the threads that disturb a run, as its plan says.
    ///
    /// Errors: those of [`Kthread::spawn`]. Context: may sleep.
    pub(super) fn spawn_disturbances(&mut self) -> Result {
        if self.run.plan.stutter > 0 {
            self.spawn(c"rcu_torture_stutter", NORMAL, disturbances::stutter)?;
        }
        if self.run.plan.onoff_interval > 0 {
            self.spawn(c"rcu_torture_onoff", NORMAL, disturbances::hotplug)?;
        }
        if cfg!(CONFIG_PREEMPT_RCU) {
            for cpu in cpu::online() {
                let first = Attributes {
                    cpu: Some(cpu),
                    priority: Priority::RealTime,
                };
                match self.spawn(c"rcu_torture_preempt", first, reader::preempt) {
                    // The CPU went offline.
                    Err(error) if error == ENXIO => {}
                    result => result?,
                }
            }
        }
        Ok(())
    }

    /// Reports statistics, detects a stuck writer and stops the run when its time is over.
    ///
    /// Context: may sleep, as long as the run lasts.
    pub(super) fn supervise(&self) {
        let mut supervisor = Supervisor::new(self.run);
        while !self.run.is_over() && !kthread::should_stop() {
            sleep_ms(POLL_INTERVAL_MS);
            supervisor.check();
        }
        self.run.stop();
    }
}

impl Drop for TortureThreads<'_> {
    fn drop(&mut self) {
        // All threads end in parallel; the fields' drop joins them one by one.
        self.run.stop();
    }
}

/// The supervisor's state between two checks.
struct Supervisor<'r> {
    run: &'r Run,
    reported: u64,
    updates: u64,
    updated: u64,
}

impl<'r> Supervisor<'r> {
    fn new(run: &'r Run) -> Self {
        Self {
            run,
            reported: 0,
            updates: 0,
            updated: 0,
        }
    }

    fn check(&mut self) {
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
        } else if seconds - self.updated >= STUCK_TIMEOUT_SECS {
            self.run
                .findings
                .note(Finding::Stuck, seconds - self.updated);
            self.updated = seconds;
        }
        self.run.stop_at_its_time();
    }
}
