// SPDX-License-Identifier: GPL-2.0

//! Sleepable RCU leaks no memory. The count of allocations is the process's, so this file is one
//! test.

use kernel::{alloc::live, prelude::*, sync::Arc};
use rcu_routes::{
    rcu::{
        new_srcu, Anywhere, CallbackDrain, Reclaim, SrcuGracePeriod, SrcuPointer, UniqueRcuBox,
        Workqueue,
    },
    testing::SETTLE_TIME,
};
use std::thread;

struct Plain<const SLEEPS: bool>([u64; 16]);

impl Reclaim for Plain<false> {
    type Context = Anywhere;
}

impl Reclaim for Plain<true> {
    type Context = Workqueue;
}

fn plain<const SLEEPS: bool>(value: u64) -> UniqueRcuBox<Plain<SLEEPS>>
where
    Plain<SLEEPS>: Reclaim,
{
    UniqueRcuBox::new(Plain([value; 16]), GFP_KERNEL).unwrap()
}

fn pointer<T: Reclaim>(new: UniqueRcuBox<T>) -> Arc<SrcuPointer<T>> {
    Arc::pin_init(SrcuPointer::new(Some(new), new_srcu!()), GFP_KERNEL).unwrap()
}

#[test]
fn every_reclaim_method_frees_once_after_the_reader() {
    let nothing = live();

    // A reader blocks the free.
    let one = pointer(plain::<false>(1));
    let before = live();
    let reader = one.read_lock();
    one.replace(Some(plain(2))).unwrap().call_srcu();
    thread::sleep(SETTLE_TIME);
    assert_eq!(live().allocations, before.allocations + 1);
    drop(reader);
    one.domain().barrier();
    assert_eq!(live(), before);

    // Every method frees each object exactly once: a double free would change the count.
    let drain = CallbackDrain::new().unwrap();
    let other = pointer(plain::<true>(1));
    let before = live();
    for value in 0..1000 {
        let old = one.replace(Some(plain(value))).unwrap();
        match value % 8 {
            0 => old.call_srcu(),
            1 => old.queue_work(),
            2 => drop(old.synchronize()),
            3 => drop(old.synchronize_expedited()),
            4 => drop(old.start_poll()),
            5 => drop(old.snapshot().try_reclaim()),
            _ => drop(old),
        }
        let old = other.replace(Some(plain(value))).unwrap();
        match value % 4 {
            0 => old.queue_work(),
            1 => drop(old.start_poll()),
            _ => drop(old),
        }
    }
    let object = one.replace(None).unwrap().synchronize();
    assert_eq!(object.0, [999; 16]);
    one.replace(Some(object));
    one.domain().barrier();
    other.domain().barrier();
    drop(drain);
    assert_eq!(live(), before);

    // Dropping a domain frees its memory, also during a grace period.
    let _ = SrcuGracePeriod::start(one.domain());
    drop(one.replace(None));
    drop(one);
    drop(other);
    assert_eq!(live(), nothing);
}
