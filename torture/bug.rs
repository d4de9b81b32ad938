// SPDX-License-Identifier: GPL-2.0

//! Negative controls: bugs that torture injects to show that it detects them.
//!
//! Each bug falsifies the test's own records, as a bug in RCU or in its user would. The memory that
//! readers access stays allocated until the run ends.

use crate::kernel_ext::params::choices;

choices! {
    /// An injected bug, by its name in the parameter `bug`.
    pub(super) enum Bug {
        /// No bug.
        None = "none",
        /// Retired elements age at once, as if a grace period had ended.
        SkipGp = "skip_gp",
        /// Retired elements are marked as freed at once.
        EarlyFree = "early_free",
        /// Elements are initialised after their publication.
        PlainStore = "plain_store",
        /// A callback is not queued.
        LostCallback = "lost_callback",
        /// Retired elements are reused at once.
        ReuseBeforeGp = "reuse_before_gp",
        /// The changes of a transaction are applied one by one.
        TornTransaction = "torn_transaction",
        /// A change is recorded but not applied.
        LostChange = "lost_change",
    }
}

impl Bug {
    /// Returns whether only `torture_type=table` can inject it.
    pub(super) const fn is_of_tables(self) -> bool {
        matches!(self, Self::TornTransaction | Self::LostChange)
    }
}
