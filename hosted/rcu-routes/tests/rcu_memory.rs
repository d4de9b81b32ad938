// SPDX-License-Identifier: GPL-2.0

//! `kvfree_rcu()` runs no destructor, so only the count of allocations shows its effect. The count
//! is the process's, so this file is one test.

use kernel::{alloc::live, prelude::*};
use rcu_routes::{
    rcu::{barrier, Rcu, Reclaim, Softirq, UniqueRcuBox},
    testing::{HeldReader, SETTLE_TIME},
};
use std::thread;

struct Plain([u64; 16]);
impl Reclaim for Plain {
    type Context = Softirq;
}

fn plain(value: u64) -> UniqueRcuBox<Plain> {
    UniqueRcuBox::new(Plain([value; 16]), GFP_KERNEL).unwrap()
}

#[test]
fn kvfree_rcu_frees_once_after_the_reader() {
    let pointer = Rcu::new(plain(1));
    let before = live();

    // A reader blocks the free.
    let reader = HeldReader::start();
    let old = pointer.replace(Some(plain(2))).unwrap();
    old.kvfree_rcu();
    thread::sleep(SETTLE_TIME);
    assert_eq!(live().allocations, before.allocations + 1);
    reader.release();
    barrier();
    assert_eq!(live(), before);

    // Every method frees each object exactly once: a double free would change the count.
    for value in 0..1000 {
        let old = pointer.replace(Some(plain(value))).unwrap();
        match value % 4 {
            0 => old.kvfree_rcu(),
            1 => old.call_rcu(),
            _ => drop(old),
        }
    }
    barrier();
    assert_eq!(live(), before);

    let object = pointer.replace(None).unwrap().synchronize();
    assert_eq!(object.0, [999; 16]);
    drop(object);
    drop(pointer);
    assert_eq!(live().allocations, before.allocations - 1);
}
