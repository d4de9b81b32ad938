// SPDX-License-Identifier: GPL-2.0

//! `scale=read`: what an empty read-side critical section costs.

use super::{
    primitives::{Primitive, Primitives},
    rendezvous::{self, Work, BATCH},
    row::{Figures, Label},
    run::Run,
};
use kernel::{prelude::*, sync::Arc};

/// Readers of one primitive.
struct Sections {
    primitives: Arc<Primitives>,
    primitive: Primitive,
}

impl Work for Sections {
    fn pass(&self, _reader: usize, _batch: usize) {
        self.primitives.sections(self.primitive, BATCH);
    }
}

/// Measures each primitive with one reader and with many.
///
/// Errors: `ENOMEM`, `ENXIO` if a CPU goes offline. Context: may sleep.
pub(super) fn measure(run: &Arc<Run>) -> Result {
    let primitives = Arc::pin_init(Primitives::new(), GFP_KERNEL)?;
    run.repeat(|| {
        for readers in run.plan.crowds() {
            for primitive in Primitive::ALL {
                measure_one(run, &primitives, primitive, readers)?;
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
    if !primitive.is_there() {
        return run.rows.put(label, Figures::Absent);
    }
    if run.is_stopped() {
        return Ok(());
    }
    let work = Sections {
        primitives: primitives.clone(),
        primitive,
    };
    match rendezvous::measure(run, readers, work)? {
        Some(measured) => run.rows.add(label, run.plan.runs, &measured, None),
        None => Ok(()),
    }
}
