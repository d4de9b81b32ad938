// SPDX-License-Identifier: GPL-2.0

//! A run: its threads, from the first to the verdict.

use super::{
    callbacks,
    counters::{Count, Counters, AGES},
    disturbances,
    findings::{Finding, Findings},
    flavour::Flavour,
    knobs::{Plan, Subject},
    pool::Pool,
    rcu::Pointer,
    reader, report,
    srcu::SleepablePointer,
    writer,
};
use crate::{
    cpu,
    delay::sleep_ms,
    kthread::{self, Attributes, Kthread, Priority},
    random::Random,
    sched::yield_now,
};
use core::{
    ffi::CStr,
    sync::atomic::{AtomicBool, AtomicU64, AtomicU8, Ordering},
};
use kernel::{
    prelude::*,
    sync::Arc,
    time::{Instant, Monotonic},
};

/// Elements of a run's pool: enough for each age, and for several that wait.
const ELEMENTS: usize = 10 * AGES;
/// Seconds in which an update, and the way home, has to be done.
const PATIENCE: u64 = 60;
/// Milliseconds between two looks at the run.
const TICK_MS: u32 = 50;

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum State {
    Running,
    Stopping,
    Success,
    Failure,
}

/// What the threads of a run share.
pub(super) struct Run {
    pub(super) plan: Plan,
    pub(super) findings: Arc<Findings>,
    /// Of those who count seldom.
    pub(super) counters: Counters,
    /// Of each reader.
    readers: KVec<Arc<Counters>>,
    state: AtomicU8,
    is_paused: AtomicBool,
    began: Instant<Monotonic>,
    /// Seconds that it took, once it has ended.
    seconds: AtomicU64,
}

// ORDERING: `state` and `is_paused` are only looked at; threads are joined before anything depends on what they
// did.
impl Run {
    /// A run that has not begun.
    ///
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn new(plan: Plan) -> Result<Self> {
        // One more for those who read in interrupts.
        let mut readers = KVec::with_capacity(plan.readers + 1, GFP_KERNEL)?;
        for _ in 0..=plan.readers {
            readers.push(Arc::new(Counters::new(), GFP_KERNEL)?, GFP_KERNEL)?;
        }
        Ok(Self {
            plan,
            findings: Arc::new(Findings::new(), GFP_KERNEL)?,
            counters: Counters::new(),
            readers,
            state: AtomicU8::new(State::Running as u8),
            is_paused: AtomicBool::new(false),
            began: Instant::now(),
            seconds: AtomicU64::new(0),
        })
    }

    pub(super) fn state(&self) -> State {
        match self.state.load(Ordering::Acquire) {
            0 => State::Running,
            1 => State::Stopping,
            2 => State::Success,
            _ => State::Failure,
        }
    }

    /// Asks all threads to end. Does not wait.
    pub(super) fn stop(&self) {
        let _ = self.state.compare_exchange(
            State::Running as u8,
            State::Stopping as u8,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
    }

    /// Whether threads are to end.
    pub(super) fn is_over(&self) -> bool {
        self.state.load(Ordering::Relaxed) != State::Running as u8
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self.state(), State::Success | State::Failure)
    }

    /// Whether a thread goes on. Waits while all rest.
    ///
    /// Context: may sleep.
    pub(super) fn goes_on(&self, random: &mut Random) -> bool {
        while self.is_paused.load(Ordering::Relaxed) && !self.is_over() {
            sleep_ms(1 + random.below(20));
        }
        !self.is_over()
    }

    /// Sleeps for so long, unless the run is over.
    ///
    /// Context: may sleep.
    pub(super) fn rest(&self, ms: u32) {
        let mut left = ms;
        while left > 0 && !self.is_over() {
            let ms = left.min(TICK_MS);
            sleep_ms(ms);
            left -= ms;
        }
    }

    pub(super) fn pause(&self, is_paused: bool) {
        self.is_paused.store(is_paused, Ordering::Relaxed);
    }

    /// How long it has lasted, or lasted.
    pub(super) fn seconds(&self) -> u64 {
        match self.seconds.load(Ordering::Relaxed) {
            0 => (self.began.elapsed().as_millis() / 1000) as u64,
            seconds => seconds,
        }
    }

    /// A counter's sum over all threads.
    pub(super) fn total(&self, count: Count) -> u64 {
        let readers: u64 = self.readers.iter().map(|reader| reader.get(count)).sum();
        readers + self.counters.get(count)
    }

    /// Reads by age.
    pub(super) fn ages(&self) -> [u64; AGES] {
        let mut ages = [0; AGES];
        for reader in &self.readers {
            reader.add_ages_to(&mut ages);
        }
        ages
    }

    fn end(&self) {
        self.seconds.store(self.seconds().max(1), Ordering::Relaxed);
        let verdict = match self.findings.total() {
            0 => State::Success,
            _ => State::Failure,
        };
        // ORDERING: Release: who sees the verdict sees what led to it.
        self.state.store(verdict as u8, Ordering::Release);
    }
}

/// What the thread does that conducts a run, from its beginning to the verdict.
pub(super) fn conduct(run: &Arc<Run>) {
    report::begin(run);
    let result = match run.plan.subject {
        Subject::Rcu => torture::<Pointer>(run),
        Subject::Srcu => torture::<SleepablePointer>(run),
        Subject::Table => Err(cpu::unsupported()),
    };
    if let Err(error) = result {
        let errno = error.to_errno().unsigned_abs().into();
        run.findings.note(Finding::NotStarted, errno);
    }
    run.stop();
    run.end();
    report::end(run);
}

/// The threads of a run.
struct Crew<'r> {
    run: &'r Arc<Run>,
    threads: KVec<Kthread>,
}

impl Crew<'_> {
    fn hire(
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
    fn hire_troublemakers(&mut self) -> Result {
        let normal = Attributes::default();
        if self.run.plan.stutter > 0 {
            self.hire(c"rcu_torture_stutter", normal, disturbances::stutter)?;
        }
        if self.run.plan.onoff_interval > 0 {
            self.hire(c"rcu_torture_onoff", normal, disturbances::hotplug)?;
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
    fn watch(&self) {
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
        if updates != self.updates || self.run.is_paused.load(Ordering::Relaxed) {
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

fn torture<F: Flavour>(run: &Arc<Run>) -> Result {
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
    let mut crew = Crew {
        run,
        threads: KVec::new(),
    };
    let normal = Attributes::default();
    let lowest = Attributes {
        priority: Priority::Lowest,
        ..normal
    };
    let mut counters = run.readers.iter();
    if let Some(counters) = counters.next().cloned() {
        let flavour = flavour.clone();
        crew.hire(c"rcu_torture_irq", normal, move |run| {
            reader::interrupt(run, &*flavour, &counters);
        })?;
    }
    for counters in counters {
        let (flavour, counters) = (flavour.clone(), counters.clone());
        crew.hire(c"rcu_torture_reader", lowest, move |run| {
            reader::read(run, &*flavour, &counters);
        })?;
    }
    let (writers, pool) = (flavour.clone(), pool.clone());
    crew.hire(c"rcu_torture_writer", normal, move |run| {
        if writer::write(run, &*writers, &pool).is_err() {
            run.findings.note(Finding::NotStarted, 0);
        }
    })?;
    for _ in 0..run.plan.fake_writers {
        let flavour = flavour.clone();
        crew.hire(c"rcu_torture_fakewriter", lowest, move |run| {
            writer::disturb(run, &*flavour);
        })?;
    }
    let barriers = flavour.clone();
    crew.hire(c"rcu_torture_barrier", normal, move |run| {
        callbacks::test_barriers(run, &*barriers);
    })?;
    let floods = flavour.clone();
    crew.hire(c"rcu_torture_fwd_prog", normal, move |run| {
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
    yield_now();
}
