// SPDX-License-Identifier: GPL-2.0

//! `kvfree_rcu()`, which runs no destructor: what it does shows only in the count of allocations,
//! which is the process's, so this file is one test.

use kernel::{alloc::live, prelude::*};
use rcu_routes::{
    rcu::{barrier, Rcu, RcuBox, Reclaim, Softirq},
    testing::HeldReader,
};
use std::{thread, time::Duration};

struct Plain([u64; 16]);
impl Reclaim for Plain {
    type Context = Softirq;
}

fn plain(value: u64) -> RcuBox<Plain> {
    RcuBox::new(Plain([value; 16]), GFP_KERNEL).unwrap()
}

#[test]
fn kvfree_rcu_frees_after_the_reader_and_once() {
    let pointer = Rcu::new(plain(1));
    let before = live();

    // Under a reader: not freed.
    let reader = HeldReader::start();
    let old = pointer.replace(Some(plain(2))).unwrap();
    old.kvfree_rcu();
    thread::sleep(Duration::from_millis(150));
    assert_eq!(live().allocations, before.allocations + 1);
    reader.release();
    barrier();
    assert_eq!(live(), before);

    // Many of every ending: all freed, none twice (or the count would wrap).
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
