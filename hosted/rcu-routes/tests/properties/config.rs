// SPDX-License-Identifier: GPL-2.0

//! The configuration of property tests.

use proptest::prelude::ProptestConfig;

/// Returns a configuration with as many cases as `PROPTEST_CASES` says, or `cases`.
pub fn config(cases: u32) -> ProptestConfig {
    let cases = match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default().cases,
        None => cases,
    };
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    }
}
