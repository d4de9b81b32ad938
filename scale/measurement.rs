// SPDX-License-Identifier: GPL-2.0

//! A measurement: its description, and the function that measures.

use super::{
    knobs::{Knobs, Writer},
    run::{Plan, Run},
};
use crate::kernel_ext::cpu;
use kernel::{prelude::*, sync::Arc};

/// A measurement that the parameter `scale` can request.
pub(super) struct Measurement {
    /// Its name in the parameter `scale`.
    pub(super) name: &'static str,
    /// Passes of a reader, or changes, in a run without `scale_loops`.
    pub(super) default_loops: u32,
    /// Whether it accesses the table, so that the status shows the knobs of the table.
    pub(super) uses_table: bool,
    pub(super) uses_writer: bool,
    /// Whether a row keeps each latency, so that loops and runs need memory.
    pub(super) keeps_latencies: bool,
    /// Measures all rows as often as planned, unless the run is stopped.
    pub(super) measure: fn(&Arc<Run>) -> Result,
}

/// The most latencies of a row: 8 MiB.
const MAX_LATENCIES: u64 = 1 << 20;

impl Measurement {
    /// Plans runs from the knobs as they are now.
    ///
    /// Errors: `EINVAL` if rows would need too much memory.
    pub(super) fn plan(&self) -> Result<Plan> {
        let knobs = Knobs::snapshot();
        let cpus = cpu::online().count() as u32;
        let plan = Plan {
            readers: u32::try_from(knobs.scale_nreaders)
                .unwrap_or(cpus)
                .clamp(1, cpus),
            loops: match knobs.scale_loops {
                0 => self.default_loops,
                loops => loops,
            },
            runs: knobs.scale_nruns,
            seed: knobs.scale_seed,
            writer: match self.uses_writer {
                true => knobs.scale_writer,
                false => Writer::None,
            },
            families: knobs.scale_family,
        };
        if self.keeps_latencies && plan.latencies() > MAX_LATENCIES {
            pr_err!(
                "parameter scale: {} keeps up to {} figures of a row, but scale_loops={} times scale_nruns={} is {}\n",
                self.name,
                MAX_LATENCIES,
                plan.loops,
                plan.runs,
                plan.latencies()
            );
            return Err(EINVAL);
        }
        Ok(plan)
    }
}
