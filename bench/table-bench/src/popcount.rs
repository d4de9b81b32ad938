// SPDX-License-Identifier: GPL-2.0

//! Measures counting bits, as a walk through compressed nodes does. The kernel is compiled for
//! processors that may lack the instruction `popcnt`.
//!
//! | method | machine code |
//! |---|---|
//! | portable | shifts, masks and a multiplication |
//! | instruction | `popcnt` without a check |
//! | chosen | a test of a flag, then `popcnt` or the portable code |
//! | called | a call through a pointer to a function with `popcnt` |

use std::arch::x86_64::_popcnt64;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};

use rcu_routes::testing::Random;

use crate::clock::Clock;
use crate::quantile::quantile;
use crate::report::{Report, Section};

/// The words fit into the first-level cache.
const WORDS: usize = 2048;
const ROUNDS: usize = 2000;
const PASSES: usize = 5;

static HAS_POPCNT: AtomicBool = AtomicBool::new(false);

// The crate is compiled without the target feature, so this is the portable code.
#[inline(always)]
fn portable(word: u64) -> u32 {
    word.count_ones()
}

/// # Safety
///
/// The processor must have the instruction.
#[inline]
#[target_feature(enable = "popcnt")]
unsafe fn instruction(word: u64) -> u32 {
    // SAFETY: The processor has the instruction, by this function's requirement.
    let ones = unsafe { _popcnt64(word as i64) };
    ones as u32
}

/// Sums the counts of the words; the counts do not depend on each other.
#[inline(always)]
fn independent(words: &[u64], count: impl Fn(u64) -> u32) -> usize {
    let mut sum = 0;
    for word in words {
        // Prevents vectorization.
        sum += count(black_box(*word)) as usize;
    }
    sum
}

/// Selects each word by the count of the previous one, as in a walk down a trie.
#[inline(always)]
fn dependent(words: &[u64], count: impl Fn(u64) -> u32) -> usize {
    let mut at = 0;
    for step in 0..words.len() {
        at = (at + step + count(words[at]) as usize) % WORDS;
    }
    at
}

fn time(words: &[u64], pass: impl Fn(&[u64]) -> usize) -> f64 {
    let time_pass = |_| {
        let clock = Clock::start();
        for _ in 0..ROUNDS {
            black_box(pass(words));
        }
        clock.cpu_seconds() * 1e9 / (ROUNDS * words.len()) as f64
    };
    let mut figures: Vec<f64> = (0..PASSES).map(time_pass).collect();
    figures.sort_by(f64::total_cmp);
    quantile(&figures, 1, 2).unwrap_or(f64::NAN)
}

#[inline(never)]
fn portable_pass(words: &[u64], is_dependent: bool) -> usize {
    match is_dependent {
        false => independent(words, portable),
        true => dependent(words, portable),
    }
}

/// # Safety
///
/// The processor must have the instruction.
#[inline(never)]
#[target_feature(enable = "popcnt")]
unsafe fn instruction_pass(words: &[u64], is_dependent: bool) -> usize {
    // With the target feature, count_ones() is the instruction.
    let count = |word: u64| word.count_ones();
    match is_dependent {
        false => independent(words, count),
        true => dependent(words, count),
    }
}

#[inline(never)]
fn chosen_pass(words: &[u64], is_dependent: bool) -> usize {
    // ORDERING: The flag publishes no other data.
    let count = |word| match HAS_POPCNT.load(Ordering::Relaxed) {
        // SAFETY: The flag is set only if the processor has the instruction.
        true => unsafe { popcnt(word) },
        false => portable(word),
    };
    match is_dependent {
        false => independent(words, count),
        true => dependent(words, count),
    }
}

/// Counts bits by the instruction. Unlike [`instruction()`], it can be inlined into any function.
///
/// # Safety
///
/// The processor must have the instruction.
#[inline(always)]
unsafe fn popcnt(word: u64) -> u32 {
    let ones: u64;
    // SAFETY: The processor has the instruction, by this function's requirement. It accesses
    // registers only.
    unsafe {
        std::arch::asm!("popcnt {ones}, {word}", word = in(reg) word, ones = lateout(reg) ones,
            options(pure, nomem, nostack));
    }
    ones as u32
}

/// # Safety
///
/// The processor must have the instruction.
#[inline(never)]
unsafe fn called_pass(words: &[u64], is_dependent: bool) -> usize {
    let pointer: unsafe fn(u64) -> u32 = black_box(instruction);
    // SAFETY: The processor has the instruction, by this function's requirement.
    let count = |word| unsafe { pointer(word) };
    match is_dependent {
        false => independent(words, count),
        true => dependent(words, count),
    }
}

/// Measures each method that this processor supports.
pub fn run(report: &mut Report) {
    let mut random = Random::new(1);
    let words: Vec<u64> = (0..WORDS).map(|_| random.word()).collect();
    let mut section = Section::new("count of ones, ns", &["independent", "dependent"]);
    let mut measure = |name: &str, pass: &dyn Fn(&[u64], bool) -> usize| {
        let figures =
            [false, true].map(|is_dependent| time(&words, |words| pass(words, is_dependent)));
        section.row(name, &figures);
    };
    measure("a load alone", &|words, is_dependent| match is_dependent {
        false => independent(words, |word| word as u32 & 63),
        true => dependent(words, |word| word as u32 & 63),
    });
    measure("portable", &portable_pass);
    if is_x86_feature_detected!("popcnt") {
        // SAFETY: The processor has the instruction, as checked above.
        measure("instruction", &|words, is_dependent| unsafe {
            instruction_pass(words, is_dependent)
        });
        // SAFETY: The processor has the instruction, as checked above.
        measure("called", &|words, is_dependent| unsafe {
            called_pass(words, is_dependent)
        });
    }
    HAS_POPCNT.store(is_x86_feature_detected!("popcnt"), Ordering::Relaxed);
    measure("chosen", &chosen_pass);
    report.add(section);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_methods_return_the_same_counts() {
        let mut random = Random::new(1);
        let words: Vec<u64> = (0..WORDS).map(|_| random.word()).collect();
        let has = is_x86_feature_detected!("popcnt");
        assert!(has, "this test needs a processor with popcnt");
        HAS_POPCNT.store(has, Ordering::Relaxed);
        let ones: u32 = words.iter().map(|word| word.count_ones()).sum();
        assert_eq!(portable_pass(&words, false), ones as usize);
        for is_dependent in [false, true] {
            let expected = portable_pass(&words, is_dependent);
            // SAFETY: The processor has the instruction, as checked above.
            assert_eq!(unsafe { instruction_pass(&words, is_dependent) }, expected);
            assert_eq!(chosen_pass(&words, is_dependent), expected);
            // SAFETY: The processor has the instruction, as checked above.
            assert_eq!(unsafe { called_pass(&words, is_dependent) }, expected);
        }
    }
}
