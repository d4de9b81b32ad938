// SPDX-License-Identifier: GPL-2.0

// A table finds its entries by their keys.
// ERROR SAYS: a hash table cannot hold a `Port`, because the type does not implement `Keyed`
// ERROR SAYS: add `impl Keyed for Port {

struct Port { number: u16 }

impl Reclaim for Port { type Context = Softirq; }
impl Keyed for Port { type Key = u16; fn key(&self) -> &u16 { &self.number } } // TWIN
struct Ports { table: HashTable<Port, Ports, 8> }        // VIOLATION: E0277
struct Ports { table: HashTable<Port, Ports, 8> }        // TWIN
