// SPDX-License-Identifier: GPL-2.0

//! Eight bytes at once, and choosing without a branch.

/// The highest bit of each byte.
const HIGH: u64 = 0x8080_8080_8080_8080;
const LOW: u64 = !HIGH;

/// Eight times the same byte.
#[inline(always)]
pub(super) const fn repeated(byte: u8) -> u64 {
    byte as u64 * 0x0101_0101_0101_0101
}

/// The highest bit of each byte in which both are the same.
#[inline(always)]
pub(super) const fn equal(one: u64, other: u64) -> u64 {
    let differs = one ^ other;
    // No byte carries into the next.
    !(((differs & LOW) + LOW) | differs) & HIGH
}

/// One of two, without a branch.
#[inline(always)]
pub(super) fn select<T>(condition: bool, one: T, other: T) -> T {
    match condition {
        true => one,
        false => other,
    }
}
