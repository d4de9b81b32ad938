// SPDX-License-Identifier: GPL-2.0

//! Settings that an administrator can change while a table is in use.

use super::quarantine::Quarantine;
use core::sync::atomic::{AtomicU32, AtomicU8, AtomicUsize, Ordering};

/// The method of reclaiming the memory that a change has replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ReclaimMode {
    /// The updater waits for a grace period: `synchronize_rcu()`.
    Synchronize,
    /// The updater waits for an expedited grace period: `synchronize_rcu_expedited()`.
    Expedited,
    /// A callback frees the memory after a grace period: `call_rcu()`.
    Call,
    /// RCU frees the memory in bulk after a grace period: `kvfree_rcu()`.
    Kvfree,
}

impl ReclaimMode {
    /// All modes, in the order of their discriminants.
    pub const ALL: [Self; 4] = [Self::Synchronize, Self::Expedited, Self::Call, Self::Kvfree];

    /// Returns the name that the parameter `reclaim` uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Synchronize => "synchronize",
            Self::Expedited => "expedited",
            Self::Call => "call",
            Self::Kvfree => "kvfree",
        }
    }
}

/// The settings of a table. Each update reads them when it begins.
pub struct Settings {
    reclaim: AtomicU8,
    quarantine: Option<&'static dyn Quarantine>,
    reclaim_max_kb: AtomicU32,
    max_routes: AtomicUsize,
}

// ORDERING: The values are independent; nothing is published through them.
impl Settings {
    /// Returns the defaults: limits that no ordinary table reaches, and no quarantine.
    pub const fn new() -> Self {
        Self {
            reclaim: AtomicU8::new(ReclaimMode::Call as u8),
            quarantine: None,
            reclaim_max_kb: AtomicU32::new(64 * 1024),
            max_routes: AtomicUsize::new(16 * 1024 * 1024),
        }
    }

    /// Returns the defaults, with a quarantine for nodes.
    pub const fn with_quarantine(quarantine: &'static dyn Quarantine) -> Self {
        let mut settings = Self::new();
        settings.quarantine = Some(quarantine);
        settings
    }

    /// Returns the method of reclaiming retired memory.
    pub fn reclaim(&self) -> ReclaimMode {
        let number = usize::from(self.reclaim.load(Ordering::Relaxed));
        ReclaimMode::ALL
            .get(number)
            .copied()
            .unwrap_or(ReclaimMode::Call)
    }

    /// Sets the method by which later updates reclaim memory.
    pub fn set_reclaim(&self, mode: ReclaimMode) {
        self.reclaim.store(mode as u8, Ordering::Relaxed);
    }

    /// Returns the quarantine, if there is one.
    pub(super) fn quarantine(&self) -> Option<&'static dyn Quarantine> {
        self.quarantine
    }

    /// Returns the number of KiB that can await reclaim before updaters wait.
    pub fn reclaim_max_kb(&self) -> u32 {
        self.reclaim_max_kb.load(Ordering::Relaxed)
    }

    /// Sets the number of KiB that can await reclaim.
    pub fn set_reclaim_max_kb(&self, kb: u32) {
        self.reclaim_max_kb.store(kb, Ordering::Relaxed);
    }

    /// Returns the maximum number of routes of both families together.
    pub fn max_routes(&self) -> usize {
        self.max_routes.load(Ordering::Relaxed)
    }

    /// Sets the maximum number of routes. Routes beyond it stay in the table.
    pub fn set_max_routes(&self, routes: usize) {
        self.max_routes.store(routes, Ordering::Relaxed);
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}
