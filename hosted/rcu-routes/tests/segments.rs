// SPDX-License-Identifier: GPL-2.0

//! The cost of an operation on a transaction does not depend on the transaction's length. The test
//! counts accesses to arrays, because times vary.

use kernel::{longest_stretch, reschedule_point};
use rcu_routes::{rcu_table::Transaction, testing::operation};

/// The number of operations, in some 700 segments.
const OPERATIONS: usize = 100_000;
/// The number of operations between two counts of accesses.
const COUNTED: usize = 256;
/// The most accesses for each operation. A sum over the segments would need 700.
const ACCESSES: usize = 8;

#[test]
fn collecting_an_operation_costs_the_same_in_a_long_transaction() {
    let added = operation("add 10.0.0.0/8 dev a");
    let mut transaction = Transaction::new();
    let most = longest_stretch(|| {
        for number in 1..=OPERATIONS {
            transaction.push(added).unwrap();
            assert_eq!(transaction.len(), number);
            assert!(!transaction.is_empty());
            if number % COUNTED == 0 {
                reschedule_point();
            }
        }
    });
    println!("{} accesses for {COUNTED} operations", most.accesses);
    assert!(most.accesses >= COUNTED, "accesses are not counted");
    assert!(most.accesses <= ACCESSES * COUNTED, "{most:?}");
}
