// SPDX-License-Identifier: GPL-2.0

//! The target `operations` as libFuzzer's program.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::operations::run(bytes));
