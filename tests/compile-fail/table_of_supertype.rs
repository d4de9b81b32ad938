// SPDX-License-Identifier: GPL-2.0

// A table whose entries have a supertype would give readers values of a wrong type.

impl<F> Keyed for Handler<F> {
    type Key = u32;

    fn key(&self) -> &u32 {
        &1
    }
}

fn search(table: &HashTable<Handler<Static>, State, 8>) {}

fn confuse(table: &HashTable<Handler<Any>, State, 8>) {  // VIOLATION
fn confuse(table: &HashTable<Handler<Static>, State, 8>) { // TWIN
    search(table);                                       // VIOLATION: E0308
    search(table);                                       // TWIN
}
