// SPDX-License-Identifier: GPL-2.0

//! A module that is unloaded with callbacks of SRCU in flight, in a domain that is never dropped.
//! The callbacks run code of this module: if they run after it is unloaded, the kernel crashes.

use super::{new_srcu, rcu};
use core::sync::atomic::{AtomicUsize, Ordering};
use kernel::prelude::*;
use rcu::{Rcu, Reclaim, Softirq, SrcuPointer, UniqueRcuBox, Workqueue};

/// Callbacks that are queued at exit.
const CALLBACKS: usize = 3_000;

static QUEUED: AtomicUsize = AtomicUsize::new(0);
static RECLAIMED: AtomicUsize = AtomicUsize::new(0);

pub(crate) struct Counted;

impl Drop for Counted {
    fn drop(&mut self) {
        RECLAIMED.fetch_add(1, Ordering::Relaxed);
        if load(&RECLAIMED) == CALLBACKS {
            pr_info!("reclaimed {CALLBACKS} of {}\n", load(&QUEUED));
        }
    }
}

impl Reclaim for Counted {
    type Context = Softirq;
}

/// An object that owns a domain.
pub(crate) struct Holder(Pin<KBox<SrcuPointer<Counted>>>);

impl Reclaim for Holder {
    type Context = Workqueue;
}

impl Holder {
    pub(crate) fn new() -> Result<UniqueRcuBox<Self>> {
        let pointer = KBox::pin_init(SrcuPointer::new(None, new_srcu!("holder")), GFP_KERNEL)?;
        Ok(UniqueRcuBox::new(Self(pointer), GFP_KERNEL)?)
    }
}

/// Queues the callbacks inside a reader of the domain, so that none runs before this returns.
pub(crate) fn queue(holder: &Rcu<Holder>) -> Result {
    let mut objects = KVVec::with_capacity(CALLBACKS, GFP_KERNEL)?;
    for _ in 0..CALLBACKS {
        objects.push(UniqueRcuBox::new(Counted, GFP_KERNEL)?, GFP_KERNEL)?;
    }
    let guard = rcu::read_lock();
    let Some(holder) = holder.dereference(&guard) else {
        return Err(EINVAL);
    };
    let _reader = holder.0.read_lock();
    for object in objects {
        QUEUED.fetch_add(1, Ordering::Relaxed);
        holder.0.retire(object).call_srcu();
    }
    pr_info!("{} in flight\n", load(&QUEUED) - load(&RECLAIMED));
    Ok(())
}

fn load(count: &AtomicUsize) -> usize {
    count.load(Ordering::Relaxed)
}
