// SPDX-License-Identifier: GPL-2.0

//! Measures the memory of tables.

use anyhow::Result;
use rcu_routes::rcu;

use crate::dpdk;
use crate::peer::Heap;

const MIB: f64 = (1 << 20) as f64;

/// The allocated bytes of a heap.
fn used(heap: Heap) -> u64 {
    if heap == Heap::Dpdk {
        return dpdk::heap_bytes();
    }
    // Frees the objects that this module's table has retired.
    rcu::barrier();
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
}
