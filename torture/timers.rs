// SPDX-License-Identifier: GPL-2.0

//! Readers in timers: in the interrupt of a timer, and in a softirq.

use super::{
    counters::{Count, Counters},
    flavour::Flavour,
    reader::Reader,
    run::Run,
};
use crate::kernel_ext::random::Random;
use core::{
    marker::PhantomData,
    sync::atomic::{AtomicU32, Ordering},
};
use kernel::{
    impl_has_hr_timer,
    prelude::*,
    sync::{Arc, ArcBorrow},
    time::{
        hrtimer::{
            HrTimer, HrTimerCallback, HrTimerCallbackContext, HrTimerMode, HrTimerPointer,
            HrTimerRestart, RelativeHardMode, RelativeSoftMode,
        },
        Delta, Monotonic,
    },
};

/// Milliseconds for which timers stay on the CPUs where they were started.
const SAME_CPU_MS: u32 = 500;
/// Microseconds between two reads of a timer: at least this, and less than twice as many.
const INTERVAL_US: u32 = 1000;

/// A timer whose callback reads, in the context that its mode `M` determines.
#[pin_data]
struct TimerReader<F, M> {
    #[pin]
    timer: HrTimer<Self>,
    flavour: Arc<F>,
    run: Arc<Run>,
    counters: Arc<Counters>,
    /// Counts its reads.
    count: Count,
    /// The seed of the next read's random numbers. The kernel's own need a lock.
    seed: AtomicU32,
    _mode: PhantomData<fn() -> M>,
}

impl_has_hr_timer! {
    impl{F: Flavour, M: HrTimerMode<Clock = Monotonic, Expires = Delta> + 'static}
        HasHrTimer<Self> for TimerReader<F, M>
    {
        mode: M,
        field: self.timer
    }
}

impl<F: Flavour, M: HrTimerMode<Clock = Monotonic, Expires = Delta> + 'static> HrTimerCallback
    for TimerReader<F, M>
{
    type Pointer<'a> = Arc<Self>;

    fn run(
        this: ArcBorrow<'_, Self>,
        mut context: HrTimerCallbackContext<'_, Self>,
    ) -> HrTimerRestart {
        if this.run.is_over() {
            return HrTimerRestart::NoRestart;
        }
        // ORDERING: Relaxed: a repeated seed does no harm.
        let mut random = Random::from_seed(this.seed.fetch_add(1, Ordering::Relaxed));
        if !this.run.is_paused() {
            this.flavour.read_in_interrupt(&mut Reader {
                run: &this.run,
                counters: &this.counters,
                random: &mut random,
            });
            this.counters.count(this.count);
        }
        let pause = INTERVAL_US + random.below(INTERVAL_US);
        context.forward_now(Delta::from_micros(pause.into()));
        HrTimerRestart::Restart
    }
}

impl<F: Flavour, M: HrTimerMode<Clock = Monotonic, Expires = Delta> + 'static> TimerReader<F, M> {
    fn new(
        run: &Arc<Run>,
        flavour: &Arc<F>,
        counters: &Arc<Counters>,
        count: Count,
    ) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                timer <- HrTimer::new(),
                flavour: flavour.clone(),
                run: run.clone(),
                counters: counters.clone(),
                count,
                seed: AtomicU32::new(0),
                _mode: PhantomData,
            }),
            GFP_KERNEL,
        )
    }
}

/// The timer thread: starts two timers again and again, each time on the CPU where it then runs.
///
/// Errors: `ENOMEM`. Context: may sleep, for as long as the run lasts.
pub(super) fn read<F: Flavour>(
    run: &Arc<Run>,
    flavour: &Arc<F>,
    counters: &Arc<Counters>,
) -> Result {
    let hard = TimerReader::<F, RelativeHardMode<Monotonic>>::new(
        run,
        flavour,
        counters,
        Count::TimerReads,
    )?;
    let soft = TimerReader::<F, RelativeSoftMode<Monotonic>>::new(
        run,
        flavour,
        counters,
        Count::SoftirqReads,
    )?;
    let first = || Delta::from_micros(INTERVAL_US.into());
    while !run.is_over() {
        // Dropping a handle cancels the timer, and waits for its callback.
        let _timers = (hard.clone().start(first()), soft.clone().start(first()));
        run.sleep(SAME_CPU_MS);
    }
    Ok(())
}
