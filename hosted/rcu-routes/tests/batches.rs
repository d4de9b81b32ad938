// SPDX-License-Identifier: GPL-2.0

//! A batch of changes has the same result as the changes one by one, up to the first that fails.

use kernel::{alloc::failslab, prelude::*};
use rcu_routes::{
    rcu::barrier,
    rcu_table::{Failure, Operation, Table, Transaction},
    testing::{operation, own_stats, show, table, Random},
};

/// Returns a change of one of a few prefixes, so that changes meet present, absent and nested
/// routes.
fn change(random: &mut Random) -> Operation {
    let len = [0, 4, 8, 9, 16, 20, 24, 28, 32][random.below(9)];
    let bits = ((random.below(4) as u32) << 30)
        | ((random.below(8) as u32) << 14)
        | random.below(4) as u32;
    let bits = bits & u32::MAX.checked_shl(32 - len).unwrap_or(0);
    let address = std::net::Ipv4Addr::from_bits(bits);
    let (wide, metric) = (random.below(2) == 0, random.below(2));
    let prefix = match wide {
        true => format!("{}/{}", address.to_ipv6_mapped(), len + 96),
        false => format!("{address}/{len}"),
    };
    let line = match random.below(400) {
        0 => String::from("flush inet6"),
        1..=120 => format!("del {prefix}"),
        121..=300 => format!("replace {prefix} dev d{} metric {metric}", random.below(5)),
        301..=320 => format!("change {prefix} dev d{}", random.below(5)),
        _ => format!("add {prefix} dev n{} metric {metric}", random.below(20)),
    };
    operation(&line)
}

fn one_by_one(table: &Table, operations: &[Operation]) -> Result<(), Failure> {
    for (index, operation) in operations.iter().enumerate() {
        let result = table.apply(std::slice::from_ref(operation));
        result.map_err(|Failure { error, .. }| Failure::of_operation(index, error))?;
    }
    Ok(())
}

#[test]
fn a_batch_has_the_same_result_as_single_changes() {
    let mut random = Random::new(3);
    let (batched, single) = (table(), table());
    let (mut failed, mut succeeded) = (0, 0);
    for _ in 0..3000 {
        let count = random.below(60);
        let operations: Vec<Operation> = (0..count).map(|_| change(&mut random)).collect();
        let result = batched.apply(&operations);
        assert_eq!(result, one_by_one(&single, &operations));
        match result {
            Ok(()) => succeeded += 1,
            Err(_) => failed += 1,
        }
        assert_eq!(show(&batched), show(&single));
        let (batched, single) = (own_stats(&batched), own_stats(&single));
        assert_eq!(
            (batched.objects, batched.bytes, batched.next_hops),
            (single.objects, single.bytes, single.next_hops)
        );
    }
    assert!(failed > 100 && succeeded > 100, "{failed} {succeeded}");
    barrier();
}

#[test]
fn a_transaction_without_memory_for_its_roots_blames_no_operation() {
    let table = table();
    let mut transaction = Transaction::new();
    transaction.push(operation("add 10.0.0.0/8 dev a")).unwrap();
    let injection = failslab::fail_nth(1);
    let done = transaction.commit(&table);
    assert!(injection.has_fired());
    drop(injection);
    let (index, error) = (None, ENOMEM);
    assert_eq!(done, Err(Failure { index, error }));
    assert!(show(&table).is_empty());
}
