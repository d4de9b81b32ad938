// SPDX-License-Identifier: GPL-2.0

//! A table that a driver changes under its own spin lock, and that a timer reads in interrupt
//! context, without `unsafe` in the driver's own code.

#![deny(unsafe_code)]

pub mod rcu;

use kernel::{
    impl_has_hr_timer, new_spinlock,
    prelude::*,
    sync::{completion::Completion, Arc, ArcBorrow, SpinLock},
    time::{
        hrtimer::{
            ArcHrTimerHandle, HrTimer, HrTimerCallback, HrTimerCallbackContext, HrTimerPointer,
            HrTimerRestart, RelativeMode,
        },
        Delta, Monotonic,
    },
};
use rcu::{Entry, HashTable, Keyed, Reclaim, Softirq, UpdaterLock};

rcu::drained_module! {
    type: Sample,
    name: "rcu_irq_table",
    authors: ["The rust_rcu_demo maintainers"],
    description: "Sample: a table under a spin lock, with a reader in interrupt context",
    license: "GPL",
}

/// A packet filter's port.
struct Port {
    number: u16,
    is_blocked: bool,
}

impl Keyed for Port {
    type Key = u16;

    fn key(&self) -> &u16 {
        &self.number
    }
}

impl Reclaim for Port {
    type Context = Softirq;
}

/// The tables that readers share.
#[pin_data]
struct Tables {
    #[pin]
    ports: HashTable<Port, Tables, 64>,
}

/// What the driver's spin lock protects besides the tables.
struct Counters {
    changes: u32,
}

/// The driver, whose timer interrupt reads the table.
#[pin_data]
struct Driver {
    #[pin]
    tables: UpdaterLock<Tables, SpinLock<Counters>>,
    #[pin]
    timer: HrTimer<Self>,
    #[pin]
    interrupted: Completion,
}

impl_has_hr_timer! {
    impl HasHrTimer<Self> for Driver {
        mode: RelativeMode<Monotonic>, field: self.timer
    }
}

/// The reader, in the context of the timer's interrupt. The updaters' lock does not delay it, so
/// the lock need not disable interrupts.
impl HrTimerCallback for Driver {
    type Pointer<'a> = Arc<Self>;

    fn run(driver: ArcBorrow<'_, Self>, _: HrTimerCallbackContext<'_, Self>) -> HrTimerRestart {
        let guard = rcu::read_lock();
        for number in [22, 23] {
            let port = driver.tables.ports.get(&number, &guard);
            let is_blocked = port.is_some_and(|port| port.is_blocked);
            pr_info!("interrupt: port {number} blocked: {is_blocked}\n");
        }
        driver.interrupted.complete_all();
        HrTimerRestart::NoRestart
    }
}

/// An updater. It allocates before it acquires the lock, and must not sleep with the lock held.
fn set_port(driver: &Driver, number: u16, is_blocked: bool) -> Result {
    let new = Entry::new(Port { number, is_blocked }, GFP_KERNEL)?;
    let mut updater = driver.tables.lock();
    updater.data().changes += 1;
    if let Some(old) = updater.select(|tables| &tables.ports).insert(new) {
        old.kvfree_rcu();
    }
    Ok(())
}

/// Fields are dropped in order: the timer is cancelled before the driver.
struct Sample {
    _timer: ArcHrTimerHandle<Driver>,
    _driver: Arc<Driver>,
}

impl kernel::Module for Sample {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let tables = pin_init!(Tables { ports <- HashTable::new(rcu::random_seed()) });
        let driver = Arc::pin_init(
            pin_init!(Driver {
                tables <- UpdaterLock::new(
                    tables,
                    new_spinlock!(Counters { changes: 0 }, "tables"),
                ),
                timer <- HrTimer::new(),
                interrupted <- Completion::new(),
            }),
            GFP_KERNEL,
        )?;
        set_port(&driver, 22, false)?;
        set_port(&driver, 23, true)?;
        set_port(&driver, 22, true)?;
        let timer = driver.clone().start(Delta::from_millis(1));
        driver.interrupted.wait_for_completion();
        pr_info!("{} changes\n", driver.tables.lock().data().changes);
        Ok(Self {
            _timer: timer,
            _driver: driver,
        })
    }
}
