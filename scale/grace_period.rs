// SPDX-License-Identifier: GPL-2.0

//! `scale=gp`: the duration of a grace period, for a waiting updater and for a callback. It is
//! measured on CPUs that are otherwise idle, and on CPUs that read all the time.

use super::{
    measurement::Measurement,
    primitives::{Primitive, Primitives},
    rendezvous::BATCH,
    row::Label,
    run::Run,
};
use crate::{
    kernel_ext::{
        cpu,
        kthread::{Attributes, Kthread},
        params::{choices, Choice},
        sched,
    },
    rcu::{self, Rcu, Reclaim, Softirq, UniqueRcuBox},
};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use kernel::{
    prelude::*,
    sync::{Arc, Completion},
    time::{Instant, Monotonic},
};

pub(super) const GRACE_PERIOD: Measurement = Measurement {
    name: "gp",
    default_loops: 10,
    uses_table: false,
    uses_writer: false,
    keeps_latencies: true,
    measure,
};

choices! {
    /// A way to wait for a grace period.
    enum Wait {
        Synchronize = "synchronize",
        Expedited = "expedited",
        Call = "call",
    }
}

/// The time that a callback reports.
#[pin_data]
struct CallbackTime {
    ns: AtomicU64,
    #[pin]
    is_set: Completion,
}

/// A retired object whose callback reports its time.
struct Probe {
    began: Instant<Monotonic>,
    time: Arc<CallbackTime>,
}

impl Reclaim for Probe {
    type Context = Softirq;
    const RECLAIM: Option<fn(UniqueRcuBox<Self>)> = Some(Self::reclaim);
}

impl Probe {
    fn reclaim(this: UniqueRcuBox<Self>) {
        let ns = this.began.elapsed().as_nanos() as u64;
        // ORDERING: Relaxed: the completion orders it.
        this.time.ns.store(ns, Ordering::Relaxed);
        this.time.is_set.complete_all();
    }
}

/// Returns the nanoseconds from `call_rcu()` to the callback.
fn callback_ns() -> Result<u64> {
    let time = Arc::pin_init(
        pin_init!(CallbackTime {
            ns: AtomicU64::new(0),
            is_set <- Completion::new(),
        }),
        GFP_KERNEL,
    )?;
    let probe = Probe {
        began: Instant::now(),
        time: time.clone(),
    };
    let pointer = Rcu::new(UniqueRcuBox::new(probe, GFP_KERNEL)?);
    if let Some(retired) = pointer.replace(None) {
        retired.call_rcu();
        time.is_set.wait_for_completion();
    }
    Ok(time.ns.load(Ordering::Relaxed))
}

/// Returns the nanoseconds of one wait.
fn wait_ns(run: &Run, wait: Wait) -> Result<u64> {
    let begin_ns = run.now_ns();
    match wait {
        Wait::Synchronize => rcu::synchronize(),
        Wait::Expedited => rcu::synchronize_expedited(),
        Wait::Call => return callback_ns(),
    }
    Ok(run.now_ns() - begin_ns)
}

/// Readers on all CPUs. Dropping it ends and joins them.
struct Readers {
    is_over: Arc<AtomicBool>,
    _threads: KVec<Kthread>,
}

impl Readers {
    fn start(primitives: &Arc<Primitives>) -> Result<Self> {
        let is_over = Arc::new(AtomicBool::new(false), GFP_KERNEL)?;
        // After an error, its drop ends the started threads.
        let mut readers = Self {
            is_over,
            _threads: KVec::new(),
        };
        for cpu in cpu::online() {
            let (is_over, primitives) = (readers.is_over.clone(), primitives.clone());
            let attributes = Attributes {
                cpu: Some(cpu),
                ..Attributes::default()
            };
            let read = move || {
                while !is_over.load(Ordering::Relaxed) {
                    primitives.run_sections(Primitive::Rcu, BATCH);
                    sched::yield_now();
                }
            };
            readers._threads.reserve(1, GFP_KERNEL)?;
            let thread = Kthread::spawn(c"rcu_scale_reader", attributes, read)?;
            readers._threads.push(thread, GFP_KERNEL)?;
        }
        Ok(readers)
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// Measures all ways to wait under one load.
fn measure_under(run: &Run, load: &'static str) -> Result {
    let loops = run.plan.loops as usize;
    let capacity = loops * run.plan.runs as usize;
    let mut latencies_ns = KVVec::with_capacity(loops, GFP_KERNEL)?;
    for wait in Wait::ALL {
        latencies_ns.clear();
        for _ in 0..loops {
            if run.is_stopped() {
                return Ok(());
            }
            latencies_ns.push(wait_ns(run, *wait)?, GFP_KERNEL)?;
        }
        let label = Label::new([("kind", wait.name()), ("load", load)], None);
        run.rows
            .add_latencies(label, capacity, &latencies_ns, None)?;
    }
    Ok(())
}

/// Errors: `ENOMEM`. Context: may sleep.
fn measure(run: &Arc<Run>) -> Result {
    let primitives = Arc::pin_init(Primitives::new(), GFP_KERNEL)?;
    run.repeat(|| {
        measure_under(run, "idle")?;
        let readers = Readers::start(&primitives)?;
        let result = measure_under(run, "readers");
        drop(readers);
        result
    })
}
