// SPDX-License-Identifier: GPL-2.0

//! The libFuzzer program of the target `line`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::line::run(bytes));
