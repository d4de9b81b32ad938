// SPDX-License-Identifier: GPL-2.0

//! Changes made together do what they do one by one, up to the first that cannot be made.

use rcu_routes::{
    rcu::barrier,
    rcu_table::{Failure, Operation, Table},
    testing::{operation, own_stats, show, table, Random},
};

/// A change of few prefixes, so that they meet: routes that are there, that are not, nested ones.
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
        let alone = table.apply(std::slice::from_ref(operation));
        alone.map_err(|Failure { error, .. }| Failure { index, error })?;
    }
    Ok(())
}

#[test]
fn changes_made_together_are_those_made_one_by_one() {
    let mut random = Random::new(3);
    let (together, alone) = (table(), table());
    let (mut failed, mut succeeded) = (0, 0);
    for _ in 0..3000 {
        let count = random.below(60);
        let operations: Vec<Operation> = (0..count).map(|_| change(&mut random)).collect();
        let result = together.apply(&operations);
        assert_eq!(result, one_by_one(&alone, &operations));
        match result {
            Ok(()) => succeeded += 1,
            Err(_) => failed += 1,
        }
        assert_eq!(show(&together), show(&alone));
        let (together, alone) = (own_stats(&together), own_stats(&alone));
        assert_eq!(
            (together.objects, together.bytes, together.next_hops),
            (alone.objects, alone.bytes, alone.next_hops)
        );
    }
    assert!(failed > 100 && succeeded > 100, "{failed} {succeeded}");
    barrier();
}
