// SPDX-License-Identifier: GPL-2.0

//! Replaced nodes wait in a batch until further nodes fill it, because a batch has one callback. So
//! an idle table keeps some memory, but less than 16 KiB, however large the nodes are. The settings
//! are static, so this file is one test.

use rcu_routes::{
    rcu::barrier,
    rcu_table::{ReclaimMode, Settings},
    testing::{run, table_with_settings},
};

static SETTINGS: Settings = Settings::new();

const MOST: usize = 16 << 10;

#[test]
fn an_idle_table_keeps_little_memory_in_its_open_batch() {
    SETTINGS.set_reclaim(ReclaimMode::Call);
    let table = table_with_settings(&SETTINGS);
    // A node with 256 children has 6 KiB.
    for number in 0..256 {
        run(&table, &format!("add 10.1.{number}.1/32 dev a")).unwrap();
    }
    for number in 0..40 {
        let next_hop = ["b", "a"][number % 2];
        run(&table, &format!("replace 10.1.0.0/24 dev {next_hop}")).unwrap();
        barrier();
        let kept = table.retired_bytes();
        assert!(kept < MOST, "{kept} bytes after {number} changes");
    }
}
