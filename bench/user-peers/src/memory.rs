// SPDX-License-Identifier: GPL-2.0

//! Measures the memory of tables.

use anyhow::Result;
use rcu_routes::rcu;

use crate::dpdk;
use crate::peer::Heap;

const MIB: f64 = (1 << 20) as f64;

/// The allocated bytes of a heap.
fn used(heap: Heap) -> u64 {
    match heap {
        Heap::Dpdk => return dpdk::heap_bytes(),
        Heap::StandIn => {
            // Without this, objects that this module's table has retired would count.
            rcu::barrier();
            return kernel::alloc::live().bytes as u64;
        }
        Heap::Malloc => (),
    }
    // SAFETY: The function has no requirements; it only reads statistics.
    let info = unsafe { libc::mallinfo2() };
    (info.uordblks + info.hblkhd) as u64
}

/// Returns the result of `make`, and the MiB that it has allocated.
pub fn measure<T>(heap: Heap, make: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let before = used(heap);
    let object = make()?;
    Ok((object, (used(heap) as f64 - before as f64) / MIB))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_vector_is_its_size() {
        for bytes in [1 << 16, 1 << 26] {
            let (vector, mib) = measure(Heap::Malloc, || Ok(vec![1_u8; bytes])).expect("memory");
            assert_eq!(vector.len(), bytes);
            // Other tests allocate concurrently.
            assert!((mib - bytes as f64 / MIB).abs() < 1.0, "{mib}");
        }
    }

    #[test]
    fn the_memory_of_a_table_includes_its_nodes() {
        let input = crate::input::Input::<u32> {
            set: "sample",
            entries: (0..1 << 14)
                .map(|number| crate::input::Entry {
                    address: number << 16,
                    len: 24,
                    hop: 1,
                })
                .collect(),
        };
        let table = || crate::rcu_table::RcuTable::new(&input);
        let (_table, mib) = measure(Heap::StandIn, table).expect("memory");
        // A node has at least a line, and each page has 4 KiB.
        let least = (64 * (1 << 14) + 4096 * 64) as f64 / MIB;
        assert!((least..2.0 * least).contains(&mib), "{mib}");
    }
}
