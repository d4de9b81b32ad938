// SPDX-License-Identifier: GPL-2.0

//! What tables take of the heaps that they are from.

use anyhow::Result;
use rcu_routes::rcu;

use crate::dpdk;
use crate::peer::Heap;

const MIB: f64 = (1 << 20) as f64;

/// Bytes in use, of all that the heap has given out.
fn used(heap: Heap) -> u64 {
    if heap == Heap::Dpdk {
        return dpdk::heap_bytes();
    }
    // What this module's table has retired still counts until it is freed.
    rcu::barrier();
    // SAFETY: It only asks.
    let info = unsafe { libc::mallinfo2() };
    (info.uordblks + info.hblkhd) as u64
}

/// Makes something; with it the MiB that it takes.
pub fn measure<T>(heap: Heap, make: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let before = used(heap);
    let made = make()?;
    Ok((made, (used(heap) as f64 - before as f64) / MIB))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_takes_its_size() {
        for bytes in [1 << 16, 1 << 26] {
            let (vector, mib) = measure(Heap::Malloc, || Ok(vec![1_u8; bytes])).expect("memory");
            assert_eq!(vector.len(), bytes);
            // Other tests allocate at the same time.
            assert!((mib - bytes as f64 / MIB).abs() < 1.0, "{mib}");
        }
    }
}
