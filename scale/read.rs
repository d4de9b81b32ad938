// SPDX-License-Identifier: GPL-2.0

//! `scale=read`: the cost of an empty read-side critical section.

use super::{
    measurement::Measurement,
    primitives::{Primitive, Primitives},
    rendezvous::{self, Work, BATCH},
    row::{Figures, Label},
    run::Run,
};
use crate::kernel_ext::params::Choice;
use kernel::{prelude::*, sync::Arc};

pub(super) const READ: Measurement = Measurement {
    name: "read",
    default_loops: 1 << 20,
    uses_table: false,
    uses_writer: false,
    keeps_latencies: false,
    measure,
};

/// Readers of one primitive.
struct Sections {
    primitives: Arc<Primitives>,
    primitive: Primitive,
}

impl Work for Sections {
    fn run_batch(&self, _reader: usize, _batch: usize) {
        self.primitives.run_sections(self.primitive, BATCH);
    }
}

/// Measures each primitive with one reader and with many.
///
/// Errors: `ENOMEM`, `ENXIO` if a CPU goes offline. Context: may sleep.
fn measure(run: &Arc<Run>) -> Result {
    let primitives = Arc::pin_init(Primitives::new(), GFP_KERNEL)?;
    run.repeat(|| {
        for readers in run.plan.reader_counts() {
            for primitive in Primitive::ALL {
                measure_one(run, &primitives, *primitive, readers)?;
            }
        }
        Ok(())
    })
}

fn measure_one(
    run: &Arc<Run>,
    primitives: &Arc<Primitives>,
    primitive: Primitive,
    readers: u32,
) -> Result {
    let label = Label::new([("kind", primitive.name())], Some(readers));
    if !primitive.is_available() {
        return run.rows.set(label, Figures::Absent);
    }
    if run.is_stopped() {
        return Ok(());
    }
    let work = Sections {
        primitives: primitives.clone(),
        primitive,
    };
    match rendezvous::measure(run, readers, work)? {
        Some(times) => run.rows.add_passes(label, run.plan.runs, &times, None),
        None => Ok(()),
    }
}
