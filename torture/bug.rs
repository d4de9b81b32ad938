// SPDX-License-Identifier: GPL-2.0

//! What torture can be told to do wrong, so that it is seen to notice.
//!
//! Each is a mistake in the test's own bookkeeping, as if RCU, or the code that uses it, had made it. No
//! memory is used that is not there: what readers look at is never freed while a run lasts.

use super::pool::Slot;
use crate::kernel_ext::{delay::sleep_ms, params::choices};

choices! {
    /// A mistake, by its name in the parameter `bug`.
    pub(super) enum Bug {
        /// No mistake.
        None = "none",
        /// What was retired is taken for old at once, as if a grace period had passed.
        SkipGp = "skip_gp",
        /// What was retired is marked as freed at once.
        EarlyFree = "early_free",
        /// What is published is initialised afterwards.
        PlainStore = "plain_store",
        /// A callback is not queued.
        LostCallback = "lost_callback",
        /// What was retired is initialised anew at once.
        ReuseBeforeGp = "reuse_before_gp",
        /// The changes of a transaction are made one by one.
        TornTransaction = "torn_transaction",
        /// A change is taken for made that was not.
        LostChange = "lost_change",
    }
}

impl Bug {
    /// Whether it is one that only a table can have.
    pub(super) const fn is_of_tables(self) -> bool {
        matches!(self, Self::TornTransaction | Self::LostChange)
    }
}

/// Makes the mistakes that come when `new` was published and `old` retired.
pub(super) fn after_publishing(bug: Bug, new: &Slot, old: &Slot) {
    match bug {
        Bug::SkipGp => old.grow_old_to(2),
        Bug::EarlyFree => old.free(),
        Bug::PlainStore => {
            // Readers are less urgent than writers.
            sleep_ms(5);
            new.initialise();
        }
        Bug::ReuseBeforeGp => {
            old.prepare();
            old.initialise();
        }
        Bug::None | Bug::LostCallback | Bug::TornTransaction | Bug::LostChange => {}
    }
}
