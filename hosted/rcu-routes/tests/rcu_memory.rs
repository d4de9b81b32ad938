// SPDX-License-Identifier: GPL-2.0

//! `kvfree_rcu()` runs no destructor, so only the count of allocations shows its effect. The count
//! is the process's, so this file is one test.

use kernel::{alloc::live, prelude::*};
use rcu_routes::{
    rcu::{barrier, Flexible, Headless, Rcu, Reclaim, Softirq, UniqueRcuBox},
    testing::{HeldReader, SETTLE_TIME},
};
use std::thread;

struct Plain([u64; 16]);
impl Reclaim for Plain {
    type Context = Softirq;
}

struct HeadlessPlain([u64; 16]);
impl Reclaim for HeadlessPlain {
    type Context = Headless;
}

fn plain(value: u64) -> UniqueRcuBox<Plain> {
    UniqueRcuBox::new(Plain([value; 16]), GFP_KERNEL).unwrap()
}

#[test]
fn memory_is_released_once() {
    kvfree_rcu_frees_once_after_the_reader();
    kvfree_rcu_mightsleep_frees_once_after_the_reader();
    into_inner_frees_the_memory();
    an_allocation_holds_all_elements();
}

fn into_inner_frees_the_memory() {
    let before = live();
    assert_eq!(plain(7).into_inner().0, [7; 16]);
    assert_eq!(live(), before);
}

fn an_allocation_holds_all_elements() {
    let before = live();
    let object = UniqueRcuBox::<Flexible<u8, u64>>::from_fn(0, 1000, |_| 0, GFP_KERNEL).unwrap();
    assert!(live().bytes - before.bytes >= size_of_val(&*object));
    drop(object);
    assert_eq!(live(), before);
}

fn kvfree_rcu_mightsleep_frees_once_after_the_reader() {
    let before = live();
    let object = UniqueRcuBox::new(HeadlessPlain([7; 16]), GFP_KERNEL).unwrap();
    assert_eq!(object.0, [7; 16]);
    let pointer = Rcu::new(object);
    let reader = HeldReader::start();
    pointer.replace(None).unwrap().kvfree_rcu_mightsleep();
    thread::sleep(SETTLE_TIME);
    assert_eq!(live().allocations, before.allocations + 1);
    reader.release();
    barrier();
    assert_eq!(live(), before);
}

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
