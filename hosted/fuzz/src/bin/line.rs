// SPDX-License-Identifier: GPL-2.0

//! The target `line` as libFuzzer's program.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::line::run(bytes));
