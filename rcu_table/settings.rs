// SPDX-License-Identifier: GPL-2.0

//! What an administrator can set while a table is in use.

use super::quarantine::Quarantine;
use core::sync::atomic::{AtomicU32, AtomicU8, AtomicUsize, Ordering};

/// How what a change has replaced is reclaimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ReclaimMode {
    /// The updater waits for a grace period: `synchronize_rcu()`.
    Synchronize,
    /// The updater waits for an expedited grace period: `synchronize_rcu_expedited()`.
    Expedited,
    /// A callback frees it after a grace period: `call_rcu()`.
    Call,
    /// RCU frees it, in bulk, some time after a grace period: `kvfree_rcu()`.
    Kvfree,
}

impl ReclaimMode {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Synchronize, Self::Expedited, Self::Call, Self::Kvfree];

    /// The name as the parameter `reclaim` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Synchronize => "synchronize",
            Self::Expedited => "expedited",
            Self::Call => "call",
            Self::Kvfree => "kvfree",
        }
    }
}

/// What updates of a table heed. Each value is read when an update begins.
pub struct Settings {
    reclaim: AtomicU8,
    quarantine: Option<&'static dyn Quarantine>,
    reclaim_max_kb: AtomicU32,
    max_routes: AtomicUsize,
}

// ORDERING: Each value stands alone; nothing is published through them.
impl Settings {
    /// Without limits that a user would meet.
    pub const fn new() -> Self {
        Self {
            reclaim: AtomicU8::new(ReclaimMode::Call as u8),
            quarantine: None,
            reclaim_max_kb: AtomicU32::new(64 * 1024),
            max_routes: AtomicUsize::new(16 * 1024 * 1024),
        }
    }

    /// The same, with a quarantine for nodes.
    pub const fn with_quarantine(quarantine: &'static dyn Quarantine) -> Self {
        let mut settings = Self::new();
        settings.quarantine = Some(quarantine);
        settings
    }

    /// How retired memory is reclaimed.
    pub fn reclaim(&self) -> ReclaimMode {
        let number = usize::from(self.reclaim.load(Ordering::Relaxed));
        ReclaimMode::ALL
            .get(number)
            .copied()
            .unwrap_or(ReclaimMode::Call)
    }

    /// Sets how retired memory is reclaimed from now on.
    pub fn set_reclaim(&self, mode: ReclaimMode) {
        self.reclaim.store(mode as u8, Ordering::Relaxed);
    }

    /// The table's quarantine, if it has one.
    pub(super) fn quarantine(&self) -> Option<&'static dyn Quarantine> {
        self.quarantine
    }

    /// How many KiB may be retired and not yet reclaimed before updaters wait.
    pub fn reclaim_max_kb(&self) -> u32 {
        self.reclaim_max_kb.load(Ordering::Relaxed)
    }

    /// Sets how many KiB may wait to be reclaimed.
    pub fn set_reclaim_max_kb(&self, kb: u32) {
        self.reclaim_max_kb.store(kb, Ordering::Relaxed);
    }

    /// How many routes of both families together the table may hold.
    pub fn max_routes(&self) -> usize {
        self.max_routes.load(Ordering::Relaxed)
    }

    /// Sets how many routes the table may hold. Those present stay.
    pub fn set_max_routes(&self, routes: usize) {
        self.max_routes.store(routes, Ordering::Relaxed);
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}
