// SPDX-License-Identifier: GPL-2.0

//! The limits of a table: routes, and metrics of a prefix.

use kernel::prelude::*;
use rcu_routes::{
    rcu_table::{Reload, Settings},
    testing::{operation, run, show, table, table_with_settings},
};

#[test]
fn a_prefix_has_at_most_64_metrics() {
    let table = table();
    for metric in 0..64 {
        run(&table, &format!("add 10.0.0.0/8 dev a metric {metric}")).unwrap();
    }
    let before = show(&table);
    let one_more = run(&table, "add 10.0.0.0/8 dev a metric 64");
    assert_eq!(one_more, Err(ENOSPC));
    assert_eq!(show(&table), before);
    run(&table, "replace 10.0.0.0/8 dev b metric 63").unwrap();
    assert_eq!(table.stats().unwrap().routes_inet, 64);
}

#[test]
fn a_reload_above_a_limit_that_was_lowered_meanwhile_changes_nothing() {
    static SETTINGS: Settings = Settings::new();
    let table = table_with_settings(&SETTINGS);
    run(&table, "add 10.0.0.0/8 dev a").unwrap();
    let mut reload = Reload::new(table.clone()).unwrap();
    for line in ["add 11.0.0.0/8 dev a", "add 12.0.0.0/8 dev b"] {
        reload.apply(&operation(line)).unwrap();
    }
    SETTINGS.set_max_routes(1);
    assert_eq!(reload.commit(), Err(ENOSPC));
    assert_eq!(show(&table), ["10.0.0.0/8 dev a"]);
    assert_eq!(table.stats().unwrap().next_hops, 1);
}
