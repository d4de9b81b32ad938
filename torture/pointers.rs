// SPDX-License-Identifier: GPL-2.0

//! A run on a pointer of RCU or SRCU.

use super::{
    callbacks,
    counters::{Count, Counters, AGES},
    findings::Finding,
    flavour::Flavour,
    pool::Pool,
    reader::Reader,
    run::{Run, STUCK_TIMEOUT_SECS},
    threads::{TortureThreads, LOWEST, NORMAL},
    timers, writer,
};
use crate::kernel_ext::{cpu, delay::sleep_ms, kthread::Kthread, random::Random, sched::yield_now};
use kernel::{prelude::*, sync::Arc};

/// Elements of the pool: several for each age.
const ELEMENTS: usize = 10 * AGES;

/// Tortures a pointer.
///
/// Errors: `ENOMEM`. Context: may sleep, for as long as the run lasts.
pub(super) fn torture<F: Flavour>(run: &Arc<Run>) -> Result {
    let pool = Arc::new(Pool::new(ELEMENTS, &run.findings)?, GFP_KERNEL)?;
    let first = pool.get(0).ok_or(EINVAL)?;
    first.prepare();
    first.initialise();
    let element = first.remove().ok_or(EINVAL)?;
    let flavour = Arc::pin_init(F::new(element), GFP_KERNEL)?;

    let result = run_threads(run, &flavour, &pool);
    flavour.unpublish();
    wait_for_elements(run, &pool);
    // Its drop waits for callbacks, which access the pool.
    drop(flavour);
    result
}

fn run_threads<F: Flavour>(run: &Arc<Run>, flavour: &Arc<F>, pool: &Arc<Pool>) -> Result {
    let mut threads = TortureThreads::new(run);
    // Before the readers: a short run can end while they still start, and needs an update.
    let (writers, pool) = (flavour.clone(), pool.clone());
    threads.spawn(c"rcu_torture_writer", NORMAL, move |run| {
        if writer::write(run, &*writers, &pool).is_err() {
            run.findings.note(Finding::NotStarted, 0);
        }
    })?;
    let mut counters = run.readers.iter();
    if let Some(counters) = counters.next().cloned() {
        spawn_brief_readers(&mut threads, run, flavour, &counters)?;
        let flavour = flavour.clone();
        threads.spawn(c"rcu_torture_irq", NORMAL, move |run| {
            interrupt(run, &*flavour, &counters);
        })?;
    }
    for counters in counters {
        let (flavour, counters) = (flavour.clone(), counters.clone());
        threads.spawn(c"rcu_torture_reader", LOWEST, move |run| {
            read(run, &*flavour, &counters);
        })?;
    }
    for _ in 0..run.plan.fake_writers {
        let flavour = flavour.clone();
        threads.spawn(c"rcu_torture_fakewriter", LOWEST, move |run| {
            writer::write_fake(run, &*flavour);
        })?;
    }
    let barriers = flavour.clone();
    threads.spawn(c"rcu_torture_barrier", NORMAL, move |run| {
        callbacks::test_barriers(run, &*barriers);
    })?;
    let floods = flavour.clone();
    threads.spawn(c"rcu_torture_fwd_prog", NORMAL, move |run| {
        callbacks::flood(run, &*floods);
    })?;
    threads.spawn_disturbances()?;
    threads.supervise();
    Ok(())
}

/// Starts the readers in timers and in threads that exit.
fn spawn_brief_readers<F: Flavour>(
    threads: &mut TortureThreads<'_>,
    run: &Arc<Run>,
    flavour: &Arc<F>,
    counters: &Arc<Counters>,
) -> Result {
    let (shared, timers, counts) = (run.clone(), flavour.clone(), counters.clone());
    threads.spawn(c"rcu_torture_timer", NORMAL, move |run| {
        if timers::read(&shared, &timers, &counts).is_err() {
            run.counters.count(Count::OutOfMemory);
        }
    })?;
    let (shared, flavour, counters) = (run.clone(), flavour.clone(), counters.clone());
    threads.spawn(c"rcu_torture_exit", NORMAL, move |_| {
        read_and_exit(&shared, &flavour, &counters);
    })
}

/// Starts threads one by one that exit right after a critical section.
fn read_and_exit<F: Flavour>(run: &Arc<Run>, flavour: &Arc<F>, counters: &Arc<Counters>) {
    let mut random = Random::new();
    while run.should_continue(&mut random) {
        let (shared, flavour, counts) = (run.clone(), flavour.clone(), counters.clone());
        let seed = random.below(u32::MAX);
        let thread = Kthread::spawn(c"rcu_torture_brief", LOWEST, move || {
            flavour.read(&mut Reader {
                run: &shared,
                counters: &counts,
                random: &mut Random::from_seed(seed),
            });
            counts.count(Count::ExitReads);
        });
        if thread.is_err() {
            run.counters.count(Count::OutOfMemory);
        }
        // Waits for the exit.
        drop(thread);
        sleep_ms(1 + random.below(20));
    }
}

/// A reader thread.
fn read<F: Flavour>(run: &Run, flavour: &F, counters: &Counters) {
    let mut random = Random::new();
    let mut sections = 0_u32;
    while run.should_continue(&mut random) {
        flavour.read(&mut Reader {
            run,
            counters,
            random: &mut random,
        });
        sections = sections.wrapping_add(1);
        if sections % 64 == 0 {
            yield_now();
        }
    }
}

/// The interrupt thread: makes each CPU read in an interrupt handler.
fn interrupt<F: Flavour>(run: &Run, flavour: &F, counters: &Counters) {
    let mut random = Random::new();
    while run.should_continue(&mut random) {
        for cpu in cpu::online() {
            let random = &mut random;
            let read = || {
                flavour.read_in_interrupt(&mut Reader {
                    run,
                    counters,
                    random,
                })
            };
            // The CPU may have gone offline.
            if cpu::interrupt(cpu, read).is_ok() {
                counters.count(Count::IrqReads);
            }
        }
        sleep_ms(1 + random.below(5));
    }
}

/// Waits until all elements are back in the pool.
fn wait_for_elements(run: &Run, pool: &Pool) {
    let since = run.seconds();
    while pool.outstanding() > 0 {
        if run.seconds() - since > STUCK_TIMEOUT_SECS {
            run.findings.note(Finding::Lost, pool.outstanding() as u64);
            break;
        }
        sleep_ms(5);
    }
}
