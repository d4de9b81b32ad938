// SPDX-License-Identifier: GPL-2.0

//! The limit of retired memory is each table's own: an idle table whose memory awaits reclaim does
//! not make another table's updaters wait. The settings are the file's own.

use rcu_routes::{
    rcu::barrier,
    rcu_table::{ReclaimMode, Settings},
    testing::{run, table_with_settings, wait_until, HeldReader},
};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

static IDLE: Settings = Settings::new();
static BUSY: Settings = Settings::new();

#[test]
fn memory_of_an_idle_table_does_not_make_another_table_wait() {
    IDLE.set_reclaim(ReclaimMode::Kvfree);
    IDLE.set_reclaim_max_kb(1 << 20);
    BUSY.set_reclaim_max_kb(64);
    let (idle, busy) = (table_with_settings(&IDLE), table_with_settings(&BUSY));
    let reader = HeldReader::start();
    for number in 0..4000 {
        let line = format!("replace 10.20.30.40/32 via 192.0.2.{}", number % 2 + 1);
        run(&idle, &line).unwrap();
    }
    assert!(idle.retired_bytes() > 256 << 10, "{}", idle.retired_bytes());
    // These retire far less than the busy table's own limit.
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..50 {
                let line = format!("replace 10.20.30.40/32 via 192.0.2.{}", number % 2 + 1);
                run(&busy, &line).unwrap();
            }
            done.store(true, Ordering::SeqCst);
        });
        let waited = std::panic::catch_unwind(|| {
            wait_until("the busy table's changes", || done.load(Ordering::SeqCst));
        });
        reader.release();
        assert!(waited.is_ok(), "the busy table waits for the idle one");
    });
    assert!(busy.retired_bytes() < 64 << 10);
    barrier();
}
