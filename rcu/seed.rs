// SPDX-License-Identifier: GPL-2.0

//! Seeds of hash tables.
//!
//! C header: [`include/linux/random.h`](srctree/include/linux/random.h)

#![expect(unsafe_code, reason = "calls C")]

use kernel::bindings;

/// Returns an unpredictable seed for [`HashTable::new`](super::HashTable::new): C's
/// `get_random_u64()`.
///
/// Context: any.
///
/// # Examples
///
/// ```
/// assert_ne!(rcu_routes::rcu::random_seed(), [0; 2]);
/// ```
pub fn random_seed() -> [u64; 2] {
    // SAFETY: The function has no safety requirement.
    let half = || unsafe { bindings::get_random_u64() };
    [half(), half()]
}
