// SPDX-License-Identifier: GPL-2.0

//! A leaked reader of SRCU. It blocks all later drains of the process, so this is a process of its
//! own.

use kernel::{prelude::*, sync::Arc};
use rcu_routes::{
    rcu::{new_srcu, CallbackDrain, SrcuPointer},
    testing::{Drops, SETTLE_TIME},
};
use std::{mem, sync::mpsc, thread};

#[test]
fn a_leaked_reader_blocks_the_pointer_and_the_drain_forever() {
    let drops = Drops::default();
    let drain = CallbackDrain::new().unwrap();
    let pointer = SrcuPointer::new(Some(drops.object(0)), new_srcu!());
    let pointer = Arc::pin_init(pointer, GFP_KERNEL).unwrap();
    let theirs = pointer.clone();
    thread::spawn(move || mem::forget(theirs.read_lock()))
        .join()
        .unwrap();
    pointer.replace(Some(drops.object(1))).unwrap().call_srcu();
    let (sender, ended) = mpsc::channel();
    let other = sender.clone();
    // These threads never end.
    thread::spawn(move || {
        drop(pointer);
        sender.send("pointer")
    });
    thread::spawn(move || {
        drop(drain);
        other.send("drain")
    });
    assert!(ended.recv_timeout(SETTLE_TIME).is_err());
    assert_eq!(drops.count(), 0);
}
