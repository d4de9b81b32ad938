// SPDX-License-Identifier: GPL-2.0

//! The project's one definition of a quantile. The benchmarks in user space include this file by
//! path; `bench/kernel-peers/figures.c` has the same in C.

/// Returns the element of `sorted` at `numerator / denominator` of the last index, rounded down;
/// `None` if `sorted` is empty. The median of four elements is the second.
pub(crate) fn quantile<T: Copy>(sorted: &[T], numerator: usize, denominator: usize) -> Option<T> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get(last * numerator / denominator).copied()
}
