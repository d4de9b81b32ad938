// SPDX-License-Identifier: GPL-2.0

//! A kind of stall: its description, its limits, and the function that provokes it.

use super::{
    knobs::Knobs,
    run::{Plan, Run},
};
use crate::kernel_ext::cpu::{is_online, online, unsupported};
use core::ffi::CStr;
use kernel::{prelude::*, sync::Arc};

/// A way to stall RCU or to misuse it.
pub(crate) struct StallKind {
    /// Its name in the parameter `stall`.
    pub(super) name: &'static str,
    /// What goes wrong, for the log.
    pub(super) shows: &'static str,
    /// A part of the line by which the kernel reports it.
    pub(super) expects: &'static str,
    /// The configuration option that it needs and this kernel lacks.
    pub(super) missing: Option<&'static str>,
    pub(super) needs_two_cpus: bool,
    /// Milliseconds until the kernel has reported it, with the shortest time-outs.
    pub(super) hold_ms: u32,
    /// The longest hold, in ms.
    pub(super) max_hold_ms: u32,
    /// The name of the culprit, if it is a thread.
    pub(super) culprit: Option<&'static CStr>,
    /// The damage that it leaves in the kernel, if any.
    pub(super) breaks: Option<&'static str>,
    /// Provokes it until the run is over.
    pub(super) provoke: fn(&Arc<Run>) -> Result,
}

/// Milliseconds of the shortest time-out of a grace period: 3 seconds, plus
/// `RCU_STALL_DELAY_DELTA`.
pub(super) const CPU_STALL_MS: u32 = if cfg!(CONFIG_PROVE_RCU) { 8000 } else { 3000 };

/// Milliseconds until the kernel has reported a hung task with a time-out of 5 seconds, which is
/// also the interval of its checks.
pub(super) const HUNG_TASK_MS: u32 = 12_000;

/// Returns the name of a configuration option that this kernel lacks.
pub(super) const fn unless(has: bool, config: &'static str) -> Option<&'static str> {
    if has {
        None
    } else {
        Some(config)
    }
}

impl StallKind {
    /// The most frequent values: a reader's thread blocks a grace period until RCU reports it.
    pub(super) const DEFAULT: Self = Self {
        name: "",
        shows: "",
        expects: "",
        missing: None,
        needs_two_cpus: false,
        hold_ms: CPU_STALL_MS + 4000,
        max_hold_ms: 60_000,
        culprit: Some(c"stall_reader"),
        breaks: None,
        provoke: |_| Ok(()),
    };

    /// Plans a run from the knobs as they are now.
    ///
    /// Errors, with a line in the log: `EOPNOTSUPP` if the kernel lacks an option or a CPU; `EPERM`
    /// without `stall_unsafe`; `ERANGE` if the hold is too long; `ENXIO` if the CPU is offline.
    /// Context: any.
    pub(super) fn plan(&self) -> Result<Plan> {
        let knobs = Knobs::snapshot();
        let name = self.name;
        if let Some(needs) = self.missing {
            pr_err!("parameter stall: {name} needs a kernel with {needs}\n");
            return Err(unsupported());
        }
        if let (Some(breaks), false) = (self.breaks, knobs.stall_unsafe) {
            pr_err!("parameter stall: {name} needs stall_unsafe=1: {breaks}\n");
            return Err(EPERM);
        }
        let (hold_ms, most) = (knobs.stall_hold_ms, self.max_hold_ms);
        if hold_ms > most {
            pr_err!("parameter stall: {name} needs stall_hold_ms up to {most}, found {hold_ms}\n");
            return Err(ERANGE);
        }
        let cpu = match u32::try_from(knobs.stall_cpu) {
            Ok(cpu) if is_online(cpu) => cpu,
            Ok(cpu) => {
                pr_err!("parameter stall: stall_cpu={cpu} is not online\n");
                return Err(ENXIO);
            }
            // Not the first: the boot CPU has work that other CPUs do not have.
            Err(_) => online().last().ok_or(ENXIO)?,
        };
        let other_cpu = online().find(|other| *other != cpu);
        if self.needs_two_cpus && other_cpu.is_none() {
            pr_err!("parameter stall: {name} needs two CPUs\n");
            return Err(unsupported());
        }
        Ok(Plan {
            culprit: self.culprit,
            cpu,
            other_cpu,
            hold_ms: if hold_ms == 0 { self.hold_ms } else { hold_ms },
            holdoff_ms: knobs.stall_holdoff_ms,
        })
    }
}
