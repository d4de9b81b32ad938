// SPDX-License-Identifier: GPL-2.0

//! A run with a pointer, of RCU or of SRCU.

use super::{
    callbacks,
    counters::AGES,
    crew::{Crew, LOWEST, NORMAL},
    findings::Finding,
    flavour::Flavour,
    pool::Pool,
    reader,
    run::{Run, PATIENCE},
    writer,
};
use crate::kernel_ext::delay::sleep_ms;
use kernel::{prelude::*, sync::Arc};

/// Elements of the pool: enough for each age, and for several that wait.
const ELEMENTS: usize = 10 * AGES;

/// Tortures a pointer.
///
/// Errors: `ENOMEM`. Context: may sleep, for as long as the run lasts.
pub(super) fn torture<F: Flavour>(run: &Arc<Run>) -> Result {
    let pool = Arc::new(Pool::new(ELEMENTS, &run.findings)?, GFP_KERNEL)?;
    let first = pool.get(0).ok_or(EINVAL)?;
    first.prepare();
    first.initialise();
    let element = first.take().ok_or(EINVAL)?;
    let flavour = Arc::pin_init(F::new(element), GFP_KERNEL)?;

    let result = with_crew(run, &flavour, &pool);
    flavour.unpublish();
    wait_for_return(run, &pool);
    // Before the pool: its end waits for callbacks.
    drop(flavour);
    result
}

fn with_crew<F: Flavour>(run: &Arc<Run>, flavour: &Arc<F>, pool: &Arc<Pool>) -> Result {
    let mut crew = Crew::new(run);
    let mut counters = run.readers.iter();
    if let Some(counters) = counters.next().cloned() {
        let flavour = flavour.clone();
        crew.hire(c"rcu_torture_irq", NORMAL, move |run| {
            reader::interrupt(run, &*flavour, &counters);
        })?;
    }
    for counters in counters {
        let (flavour, counters) = (flavour.clone(), counters.clone());
        crew.hire(c"rcu_torture_reader", LOWEST, move |run| {
            reader::read(run, &*flavour, &counters);
        })?;
    }
    let (writers, pool) = (flavour.clone(), pool.clone());
    crew.hire(c"rcu_torture_writer", NORMAL, move |run| {
        if writer::write(run, &*writers, &pool).is_err() {
            run.findings.note(Finding::NotStarted, 0);
        }
    })?;
    for _ in 0..run.plan.fake_writers {
        let flavour = flavour.clone();
        crew.hire(c"rcu_torture_fakewriter", LOWEST, move |run| {
            writer::disturb(run, &*flavour);
        })?;
    }
    let barriers = flavour.clone();
    crew.hire(c"rcu_torture_barrier", NORMAL, move |run| {
        callbacks::test_barriers(run, &*barriers);
    })?;
    let floods = flavour.clone();
    crew.hire(c"rcu_torture_fwd_prog", NORMAL, move |run| {
        callbacks::flood(run, &*floods);
    })?;
    crew.hire_troublemakers()?;
    crew.watch();
    Ok(())
}

/// Waits until all elements have come home.
fn wait_for_return(run: &Run, pool: &Pool) {
    let since = run.seconds();
    while pool.away() > 0 {
        if run.seconds() - since > PATIENCE {
            run.findings.note(Finding::Lost, pool.away() as u64);
            break;
        }
        sleep_ms(5);
    }
}
