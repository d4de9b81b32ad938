// SPDX-License-Identifier: GPL-2.0

//! The random cases of `src/fuzzing/basic.rs`: a table against a sorted map.

use super::{check, config::config, insert, is_within, FAMILIES};
use proptest::prelude::*;
use rcu_routes::{
    rcu_table::{Family, Operation, Prefix, Transaction},
    testing::{own_stats, NumberedTable},
};
use std::collections::BTreeMap;

/// A step applied to a table and to its model.
#[derive(Clone, Copy, Debug)]
enum Step {
    Add(Prefix, u32),
    Remove(Prefix),
    RemoveChildren(Prefix),
}

/// A table and its model.
struct Model {
    map: NumberedTable,
    model: BTreeMap<Prefix, u32>,
}

impl Model {
    fn new(family: Family, steps: &[Step]) -> Self {
        let mut new = Self {
            map: NumberedTable::new(family),
            model: BTreeMap::new(),
        };
        for step in steps {
            new.apply(step);
        }
        new
    }

    fn apply(&mut self, step: &Step) {
        match step {
            Step::Add(prefix, number) => {
                insert(&self.map, *prefix, *number);
                self.model.insert(*prefix, *number);
            }
            Step::Remove(prefix) => {
                let done = self.map.delete(prefix.address(), prefix.len());
                assert_eq!(done.is_ok(), self.model.remove(prefix).is_some());
            }
            Step::RemoveChildren(root) => {
                self.remove_in_one_transaction(|prefix| is_within(prefix, root))
            }
        }
    }

    fn remove_in_one_transaction(&mut self, is_removed: impl Fn(&Prefix) -> bool) {
        let mut transaction = Transaction::new();
        for (prefix, _) in self.map.contents() {
            if is_removed(&prefix) {
                transaction
                    .push(Operation::Remove(prefix, None, None))
                    .unwrap();
            }
        }
        assert_eq!(transaction.commit(&self.map.table), Ok(()));
        self.model.retain(|prefix, _| !is_removed(prefix));
    }

    fn expected(&self) -> Vec<(Prefix, u32)> {
        self.model
            .iter()
            .map(|(prefix, number)| (*prefix, *number))
            .collect()
    }
}

/// Returns a prefix of up to 24 bits, mostly long, or of 32 bits. A third of them are close to each
/// other.
fn any_prefix(family: Family) -> impl Strategy<Value = Prefix> {
    let len = prop_oneof![
        1 => 0..=8_u8,
        2 => 9..=16_u8,
        4 => 17..=24_u8,
        1 => Just(32_u8),
    ];
    let bits = prop_oneof![
        2 => any::<u32>(),
        1 => (0..16_u32).prop_map(|few| few << 8),
    ];
    let map = NumberedTable::new(family);
    (bits, len).prop_map(move |(bits, len)| map.prefix(map.at(bits.to_be_bytes()), len))
}

fn any_steps(family: Family) -> impl Strategy<Value = Vec<Step>> {
    let few = prop::collection::vec(any_prefix(family), 1..60);
    few.prop_flat_map(|few| {
        let prefix = || prop::sample::select(few.clone());
        let step = prop_oneof![
            7 => (prefix(), 0..8_u32).prop_map(|(prefix, number)| Step::Add(prefix, number)),
            3 => prefix().prop_map(Step::Remove),
            1 => prefix().prop_map(Step::RemoveChildren),
        ];
        prop::collection::vec(step, 0..100)
    })
}

/// Returns a family, steps in it, and a prefix to query.
fn any_case() -> impl Strategy<Value = (Family, Vec<Step>, Prefix)> {
    let family = prop::sample::select(FAMILIES.to_vec());
    family.prop_flat_map(|family| (Just(family), any_steps(family), any_prefix(family)))
}

proptest! {
    #![proptest_config(config(100))]

    #[test]
    fn contents((family, steps, _) in any_case()) {
        let Model { map, model } = Model::new(family, &steps);
        check(&map, &model.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn equality((family, steps, _) in any_case()) {
        let with_history = Model::new(family, &steps);
        let without = NumberedTable::new(family);
        for (prefix, number) in with_history.map.contents() {
            insert(&without, prefix, number);
        }
        prop_assert_eq!(with_history.map.contents(), without.contents());
        let [one, other] = [&with_history.map, &without].map(|map| {
            let stats = own_stats(&map.table);
            (stats.routes_inet, stats.routes_inet6, stats.next_hops, stats.objects, stats.bytes)
        });
        prop_assert_eq!(one, other);
    }

    #[test]
    fn inequality((family, steps, toggled) in any_case()) {
        let Model { map, .. } = Model::new(family, &steps);
        let before = map.contents();
        match map.get(toggled) {
            Some(_) => map.delete(toggled.address(), toggled.len()).unwrap(),
            None => insert(&map, toggled, 0),
        }
        prop_assert_ne!(map.contents(), before);
    }

    #[test]
    fn remove_in_one_transaction((family, steps, root) in any_case()) {
        let mut model = Model::new(family, &steps);
        model.remove_in_one_transaction(|prefix| {
            is_within(prefix, &root) && prefix.len() >= root.len() + 2
        });
        check(&model.map, &model.expected());
        model.remove_in_one_transaction(|prefix| is_within(prefix, &root));
        check(&model.map, &model.expected());
    }

    #[test]
    fn cover((family, steps, query) in any_case()) {
        let Model { map, model } = Model::new(family, &steps);
        let host = Prefix::new(query.address(), family.bits()).unwrap();
        let cover = model.iter().filter(|(prefix, _)| is_within(&host, prefix));
        for (prefix, number) in cover.rev() {
            prop_assert_eq!(map.lookup(query.address()), Some(*number));
            map.delete(prefix.address(), prefix.len()).unwrap();
        }
        prop_assert_eq!(map.lookup(query.address()), None);
    }

    #[test]
    fn iter_from((family, steps, query) in any_case()) {
        let Model { map, model } = Model::new(family, &steps);
        for inclusive in [true, false] {
            let from = |prefix: &&Prefix| **prefix > query || (inclusive && **prefix == query);
            let expected: Vec<Prefix> = model.keys().filter(from).copied().collect();
            prop_assert_eq!(super::iter_from(&map.table, query, inclusive), expected);
        }
    }
}
