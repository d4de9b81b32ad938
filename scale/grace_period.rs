// SPDX-License-Identifier: GPL-2.0

//! `scale=gp`: how long a grace period takes, for who waits for it and for a callback; on CPUs that are idle but
//! for this, and on such that read all the time.

use super::{
    primitives::{Primitive, Primitives},
    rendezvous::BATCH,
    row::Label,
    run::Run,
};
use crate::{
    kernel_ext::{
        cpu,
        kthread::{Attributes, Kthread},
        sched,
    },
    rcu::{self, Rcu, RcuBox, Reclaim, Softirq},
};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use kernel::{
    prelude::*,
    sync::{Arc, Completion},
};

/// A way to learn that a grace period is over.
#[derive(Clone, Copy)]
enum Wait {
    Synchronize,
    Expedited,
    Call,
}

impl Wait {
    const ALL: [Self; 3] = [Self::Synchronize, Self::Expedited, Self::Call];

    const fn name(self) -> &'static str {
        match self {
            Self::Synchronize => "synchronize",
            Self::Expedited => "expedited",
            Self::Call => "call",
        }
    }
}

/// What a callback tells.
#[pin_data]
struct Answer {
    /// Nanoseconds from the beginning of the run.
    at: AtomicU64,
    #[pin]
    came: Completion,
}

/// What is retired, and tells when its callback comes.
struct Probe {
    began: kernel::time::Instant<kernel::time::Monotonic>,
    answer: Arc<Answer>,
}

impl Reclaim for Probe {
    type Context = Softirq;

    fn reclaim(this: RcuBox<Self>) {
        let took = this.began.elapsed().as_nanos() as u64;
        // ORDERING: Relaxed: the completion orders it.
        this.answer.at.store(took, Ordering::Relaxed);
        this.answer.came.complete_all();
    }
}

/// Nanoseconds from queueing a callback until it comes.
fn call() -> Result<u64> {
    let answer = Arc::pin_init(
        pin_init!(Answer {
            at: AtomicU64::new(0),
            came <- Completion::new(),
        }),
        GFP_KERNEL,
    )?;
    let probe = Probe {
        began: kernel::time::Instant::now(),
        answer: answer.clone(),
    };
    let pointer = Rcu::new(RcuBox::new(probe, GFP_KERNEL)?);
    if let Some(retired) = pointer.replace(None) {
        retired.call_rcu();
        answer.came.wait_for_completion();
    }
    Ok(answer.at.load(Ordering::Relaxed))
}

fn wait(run: &Run, wait: Wait) -> Result<u64> {
    let begin = run.now();
    match wait {
        Wait::Synchronize => rcu::synchronize(),
        Wait::Expedited => rcu::synchronize_expedited(),
        Wait::Call => return call(),
    }
    Ok(run.now() - begin)
}

/// Readers on all CPUs, until this is dropped.
struct Load {
    is_over: Arc<AtomicBool>,
    _readers: KVec<Kthread>,
}

impl Load {
    fn start(primitives: &Arc<Primitives>) -> Result<Self> {
        let is_over = Arc::new(AtomicBool::new(false), GFP_KERNEL)?;
        // Dropped after an error, it ends those that were started.
        let mut load = Self {
            is_over,
            _readers: KVec::new(),
        };
        for cpu in cpu::online() {
            let (is_over, primitives) = (load.is_over.clone(), primitives.clone());
            let attributes = Attributes {
                cpu: Some(cpu),
                ..Attributes::default()
            };
            let read = move || {
                while !is_over.load(Ordering::Relaxed) {
                    primitives.sections(Primitive::Rcu, BATCH);
                    sched::yield_now();
                }
            };
            load._readers.reserve(1, GFP_KERNEL)?;
            let reader = Kthread::spawn(c"rcu_scale_reader", attributes, read)?;
            load._readers.push(reader, GFP_KERNEL)?;
        }
        Ok(load)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// Measures all ways to wait, under one load.
fn measure_under(run: &Run, load: &'static str) -> Result {
    let loops = run.plan.loops as usize;
    let most = loops * run.plan.runs as usize;
    let mut found = KVVec::with_capacity(loops, GFP_KERNEL)?;
    for way in Wait::ALL {
        found.clear();
        for _ in 0..loops {
            if run.is_stopped() {
                return Ok(());
            }
            found.push(wait(run, way)?, GFP_KERNEL)?;
        }
        let label = Label::new([("kind", way.name()), ("load", load)], None);
        run.rows.add_latencies(label, most, &found)?;
    }
    Ok(())
}

/// Errors: `ENOMEM`. Context: may sleep.
pub(super) fn measure(run: &Arc<Run>) -> Result {
    let primitives = Arc::pin_init(Primitives::new(), GFP_KERNEL)?;
    run.repeat(|| {
        measure_under(run, "idle")?;
        let load = Load::start(&primitives)?;
        let result = measure_under(run, "readers");
        drop(load);
        result
    })
}
