// SPDX-License-Identifier: GPL-2.0

//! `RUST_RCU_DEMO_IOC_FILE_STATS`: the figures of an open file.

use super::uapi;
use core::sync::atomic::{AtomicU64, Ordering};

/// The figures of an open file. A call adds to them once or once for each piece, and files share
/// nothing, so threads contend little.
#[derive(Default)]
pub(super) struct FileStats {
    pub(super) lookups: Figure,
    pub(super) routes: Figure,
    pub(super) changes: Figure,
    pub(super) bytes_read: Figure,
    pub(super) bytes_written: Figure,
}

/// A number that only grows.
#[derive(Default)]
pub(super) struct Figure(AtomicU64);

// ORDERING: Statistics; nothing is published through them.
impl Figure {
    pub(super) fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl From<&FileStats> for uapi::FileStats {
    fn from(stats: &FileStats) -> Self {
        Self {
            lookups: stats.lookups.get(),
            routes: stats.routes.get(),
            changes: stats.changes.get(),
            bytes_read: stats.bytes_read.get(),
            bytes_written: stats.bytes_written.get(),
        }
    }
}
