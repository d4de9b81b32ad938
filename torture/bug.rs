// SPDX-License-Identifier: GPL-2.0

//! What torture can be told to do wrong, so that it is seen to notice.
//!
//! Each is a mistake in the test's own bookkeeping, as if RCU, or the code that uses it, had made it. No
//! memory is used that is not there: what readers look at is never freed while a run lasts.

use super::pool::Slot;
use crate::kernel_ext::delay::sleep_ms;

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Bug {
    /// No mistake.
    None,
    /// What was retired is taken for old at once, as if a grace period had passed.
    SkipGp,
    /// What was retired is marked as freed at once.
    EarlyFree,
    /// What is published is initialised afterwards.
    PlainStore,
    /// A callback is not queued.
    LostCallback,
    /// What was retired is initialised anew at once.
    ReuseBeforeGp,
    /// The changes of a transaction are made one by one.
    TornTransaction,
    /// A change is taken for made that was not.
    LostChange,
}

impl Bug {
    /// All of them, in the order of their numbers.
    pub(super) const ALL: [Self; 8] = [
        Self::None,
        Self::SkipGp,
        Self::EarlyFree,
        Self::PlainStore,
        Self::LostCallback,
        Self::ReuseBeforeGp,
        Self::TornTransaction,
        Self::LostChange,
    ];

    /// The name as the parameter `bug` has it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::SkipGp => "skip_gp",
            Self::EarlyFree => "early_free",
            Self::PlainStore => "plain_store",
            Self::LostCallback => "lost_callback",
            Self::ReuseBeforeGp => "reuse_before_gp",
            Self::TornTransaction => "torn_transaction",
            Self::LostChange => "lost_change",
        }
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
