// SPDX-License-Identifier: GPL-2.0

//! Attacks the drain: at unload, objects whose destructors retire further objects, by callbacks of
//! RCU, by callbacks of an SRCU domain that a `static` owns, and by works. Also leaks a retired
//! object, a started grace period of SRCU and a drain, and tries to make a second module value.

#![deny(unsafe_code)]

#[path = "../.."]
mod project {
    pub mod rcu;
}
pub use project::rcu;

use core::{
    mem,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};
use kernel::{alloc::flags::GFP_ATOMIC, prelude::*, InPlaceModule};
use rcu::{
    new_srcu, Anywhere, CallbackDrain, Drained, Rcu, Reclaim, SrcuGracePeriod, SrcuPointer,
    UniqueRcuBox, Workqueue,
};

rcu::drained_module! {
    type: UnloadChain,
    name: "unload_chain",
    authors: ["The rust_rcu_demo maintainers"],
    description: "Test of the RCU library: destructors that retire objects during unload",
    license: "GPL",
}

/// Chains that begin at unload.
const CHAINS: usize = 300;
/// Further objects of each chain.
const LENGTH: u32 = 8;

static RETIRED: AtomicUsize = AtomicUsize::new(0);
static DROPPED: AtomicUsize = AtomicUsize::new(0);
/// Whether the module's value was dropped.
static IS_DROPPED: AtomicBool = AtomicBool::new(false);

static HOLDER: Rcu<Holder> = Rcu::null();

/// An object that owns a domain.
struct Holder(Pin<KBox<SrcuPointer<Link>>>);

impl Reclaim for Holder {
    type Context = Workqueue;
}

/// An object whose destructor retires the next one.
struct Link {
    left: u32,
}

impl Reclaim for Link {
    type Context = Anywhere;
}

impl Drop for Link {
    fn drop(&mut self) {
        if self.left > 0 && retire(self.left - 1).is_err() {
            pr_err!("no memory\n");
        }
        let dropped = DROPPED.fetch_add(1, Ordering::SeqCst) + 1;
        if IS_DROPPED.load(Ordering::SeqCst) && dropped == RETIRED.load(Ordering::SeqCst) {
            pr_info!("dropped {dropped} of {dropped}\n");
        }
    }
}

/// Retires an object, in one of six ways.
fn retire(left: u32) -> Result {
    let link = UniqueRcuBox::new(Link { left }, GFP_ATOMIC)?;
    let number = RETIRED.fetch_add(1, Ordering::SeqCst);
    rcu::read(|section| {
        let Some(holder) = HOLDER.dereference(section) else {
            return Err(EINVAL);
        };
        match number % 6 {
            0 => link.retire().call_rcu(),
            1 => link.retire().queue_work(),
            2 => drop(link.retire()),
            3 => holder.0.retire(link).call_srcu(),
            4 => holder.0.retire(link).queue_work(),
            _ => drop(holder.0.retire(link).start_poll()),
        }
        Ok(())
    })
}

struct UnloadChain;

impl kernel::Module for UnloadChain {
    fn init(module: &'static ThisModule) -> Result<Self> {
        // A drain that nobody drops.
        mem::forget(CallbackDrain::new()?);
        // A second module value, at a place where nobody drops it.
        let second = KBox::pin_init(Drained::<Self>::init(module), GFP_KERNEL);
        if let Ok(second) = second {
            pr_err!("a module has two values\n");
            mem::forget(second);
        }
        let pointer = KBox::pin_init(
            SrcuPointer::new(None, new_srcu!("unload_chain")),
            GFP_KERNEL,
        )?;
        drop(HOLDER.replace(Some(UniqueRcuBox::new(Holder(pointer), GFP_KERNEL)?)));
        Ok(Self)
    }
}

impl Drop for UnloadChain {
    fn drop(&mut self) {
        for chain in 0..CHAINS {
            if retire(LENGTH).is_err() {
                pr_err!("no memory\n");
            }
            if chain == CHAINS / 2 {
                // Another drain's end must not take the workqueue away.
                drop(CallbackDrain::new());
            }
        }
        let guard = rcu::read_lock();
        if let Some(holder) = HOLDER.dereference(&guard) {
            let _ = SrcuGracePeriod::start(holder.0.domain());
            if let Ok(forgotten) = UniqueRcuBox::new(Link { left: 0 }, GFP_ATOMIC) {
                mem::forget(holder.0.retire(forgotten));
            }
        }
        IS_DROPPED.store(true, Ordering::SeqCst);
    }
}
