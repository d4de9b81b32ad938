// SPDX-License-Identifier: GPL-2.0

//! Operations on eight bytes at once, and a selection without a branch.

/// The highest bit of each byte.
const HIGH: u64 = 0x8080_8080_8080_8080;
const LOW: u64 = !HIGH;

/// Returns a word of eight equal bytes.
#[inline(always)]
pub(super) const fn repeated(byte: u8) -> u64 {
    byte as u64 * 0x0101_0101_0101_0101
}

/// Returns a word with the highest bit set in each byte that is equal in both words.
#[inline(always)]
pub(super) const fn equal(one: u64, other: u64) -> u64 {
    let differs = one ^ other;
    // No byte carries into the next.
    !(((differs & LOW) + LOW) | differs) & HIGH
}

/// Returns one of two values without a branch.
#[inline(always)]
pub(super) fn select<T>(condition: bool, one: T, other: T) -> T {
    match condition {
        true => one,
        false => other,
    }
}
