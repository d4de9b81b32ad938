// SPDX-License-Identifier: GPL-2.0

//! What counting bits costs on the way through a compressed node, with the processor's instruction
//! and without. The kernel is compiled for processors that may not have it.
//!
//! | way | what the compiler makes of it |
//! |---|---|
//! | portable | shifts, masks and a multiplication |
//! | instruction | `popcnt`, as if all processors had it |
//! | chosen | a test of a flag, then one or the other |
//! | called | a function of C's calling convention with the instruction in it, through a pointer |

use std::arch::x86_64::_popcnt64;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};

use rcu_routes::testing::Random;

use crate::clock::Clock;
use crate::quantile::quantile;
use crate::report::{Report, Section};

/// Words that fit into the first-level cache.
const WORDS: usize = 2048;
const ROUNDS: usize = 2000;
const PASSES: usize = 5;

static HAS_POPCNT: AtomicBool = AtomicBool::new(false);

/// Without the target feature, the portable form.
#[inline(always)]
fn portable(word: u64) -> u32 {
    word.count_ones()
}

/// The instruction.
///
/// # Safety
///
/// The processor has it.
#[inline]
#[target_feature(enable = "popcnt")]
unsafe fn instruction(word: u64) -> u32 {
    // SAFETY: The processor has the instruction, as the caller promises.
    let ones = unsafe { _popcnt64(word as i64) };
    ones as u32
}

/// Counts of the words, which do not wait for each other.
#[inline(always)]
fn independent(words: &[u64], count: impl Fn(u64) -> u32) -> usize {
    let mut sum = 0;
    for word in words {
        // Else the compiler counts several words at once.
        sum += count(black_box(*word)) as usize;
    }
    sum
}

/// Each count says which word comes next, as in a walk down a trie.
#[inline(always)]
fn dependent(words: &[u64], count: impl Fn(u64) -> u32) -> usize {
    let mut at = 0;
    for step in 0..words.len() {
        at = (at + step + count(words[at]) as usize) % WORDS;
    }
    at
}

fn time(words: &[u64], pass: impl Fn(&[u64]) -> usize) -> f64 {
    let one = |_| {
        let clock = Clock::start();
        for _ in 0..ROUNDS {
            black_box(pass(words));
        }
        clock.processor_seconds() * 1e9 / (ROUNDS * words.len()) as f64
    };
    let mut figures: Vec<f64> = (0..PASSES).map(one).collect();
    figures.sort_by(f64::total_cmp);
    quantile(&figures, 1, 2).unwrap_or(f64::NAN)
}

#[inline(never)]
fn portable_pass(words: &[u64], chained: bool) -> usize {
    match chained {
        false => independent(words, portable),
        true => dependent(words, portable),
    }
}

/// # Safety
///
/// The processor has the instruction.
#[inline(never)]
#[target_feature(enable = "popcnt")]
unsafe fn instruction_pass(words: &[u64], chained: bool) -> usize {
    // Compiled for such a processor, so that the usual way is the instruction.
    let count = |word: u64| word.count_ones();
    match chained {
        false => independent(words, count),
        true => dependent(words, count),
    }
}

#[inline(never)]
fn chosen_pass(words: &[u64], chained: bool) -> usize {
    // ORDERING: A flag, set before any use.
    let count = |word| match HAS_POPCNT.load(Ordering::Relaxed) {
        // SAFETY: The flag is set only where the processor has the instruction.
        true => unsafe { by_assembler(word) },
        false => portable(word),
    };
    match chained {
        false => independent(words, count),
        true => dependent(words, count),
    }
}

/// The instruction in a function compiled for any processor.
///
/// # Safety
///
/// The processor has it.
#[inline(always)]
unsafe fn by_assembler(word: u64) -> u32 {
    let ones: u64;
    // SAFETY: The processor has the instruction, as the caller promises; it touches registers only.
    unsafe {
        std::arch::asm!("popcnt {ones}, {word}", word = in(reg) word, ones = lateout(reg) ones,
            options(pure, nomem, nostack));
    }
    ones as u32
}

/// # Safety
///
/// The processor has the instruction.
#[inline(never)]
unsafe fn called_pass(words: &[u64], chained: bool) -> usize {
    let pointer: unsafe fn(u64) -> u32 = black_box(instruction);
    // SAFETY: The processor has the instruction, as the caller promises.
    let count = |word| unsafe { pointer(word) };
    match chained {
        false => independent(words, count),
        true => dependent(words, count),
    }
}

/// Measures each way that this processor can go.
pub fn run(report: &mut Report) {
    let mut random = Random::new(1);
    let words: Vec<u64> = (0..WORDS).map(|_| random.word()).collect();
    let mut section = Section::new("count of ones, ns", &["independent", "dependent"]);
    let mut measure = |name: &str, pass: &dyn Fn(&[u64], bool) -> usize| {
        let figures = [false, true].map(|chained| time(&words, |words| pass(words, chained)));
        section.row(name, &figures);
    };
    measure("a load alone", &|words, chained| match chained {
        false => independent(words, |word| word as u32 & 63),
        true => dependent(words, |word| word as u32 & 63),
    });
    measure("portable", &portable_pass);
    if is_x86_feature_detected!("popcnt") {
        // SAFETY: The processor has the instruction.
        measure("instruction", &|words, chained| unsafe {
            instruction_pass(words, chained)
        });
        // SAFETY: As above.
        measure("called", &|words, chained| unsafe {
            called_pass(words, chained)
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
    fn all_ways_count_the_same() {
        let mut random = Random::new(1);
        let words: Vec<u64> = (0..WORDS).map(|_| random.word()).collect();
        let has = is_x86_feature_detected!("popcnt");
        assert!(has, "this test wants a processor with popcnt");
        HAS_POPCNT.store(has, Ordering::Relaxed);
        let ones: u32 = words.iter().map(|word| word.count_ones()).sum();
        assert_eq!(portable_pass(&words, false), ones as usize);
        for chained in [false, true] {
            let expected = portable_pass(&words, chained);
            // SAFETY: The processor has the instruction.
            assert_eq!(unsafe { instruction_pass(&words, chained) }, expected);
            assert_eq!(chosen_pass(&words, chained), expected);
            // SAFETY: As above.
            assert_eq!(unsafe { called_pass(&words, chained) }, expected);
        }
    }
}
