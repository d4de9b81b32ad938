// SPDX-License-Identifier: GPL-2.0

//! The expansion of prefixes into runs of values.

use super::{Entry, NodeRef, Slot, FANOUT, STRIDE};

/// Runs of values with the same next hop. After the expansion the first run begins at 0.
pub(in super::super) struct Runs {
    len: usize,
    starts: [u8; FANOUT],
    hops: [u32; FANOUT],
}

impl Runs {
    pub(in super::super) const fn new() -> Self {
        Self {
            len: 0,
            starts: [0; FANOUT],
            hops: [0; FANOUT],
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Iterates over the runs in order: the first value of each, and its next hop.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u8, u32)> + '_ {
        let runs = self.starts.iter().zip(&self.hops).take(self.len);
        runs.map(|(start, hop)| (*start, *hop))
    }

    /// Returns the next hops of the runs.
    pub(super) fn hops(&self) -> &[u32] {
        &self.hops[..self.len]
    }

    /// Begins a run at `start` with the next hop `hop`. `start` is not below the last run's start.
    fn begin(&mut self, start: u16, hop: u32) {
        let Ok(start) = u8::try_from(start) else {
            return;
        };
        if self.len > 0 && self.starts[self.len - 1] == start {
            self.len -= 1;
        }
        let before = self.len.checked_sub(1).map(|last| self.hops[last]);
        if before != Some(hop) {
            self.starts[self.len] = start;
            self.hops[self.len] = hop;
            self.len += 1;
        }
    }

    /// Copies an old node's runs.
    pub(super) fn copy(&mut self, old: NodeRef<'_>) {
        self.len = 0;
        old.each_run(|start, hop| self.begin(start.into(), hop));
    }

    /// Expands a node's sorted routes.
    pub(super) fn expand(&mut self, routes: impl Iterator<Item = Entry>) {
        self.len = 0;
        self.begin(0, 0);
        self.expand_inside(FANOUT as u16, 0, routes);
    }

    /// Copies an old node's runs, except for the values that a prefix covers. There, it expands
    /// `inside`: the routes of that prefix and of the prefixes in it. Values that these do not
    /// cover have the next hop `outside`.
    pub(super) fn patch(
        &mut self,
        old: NodeRef<'_>,
        slot: Slot,
        outside: u32,
        inside: impl Iterator<Item = Entry>,
    ) {
        self.len = 0;
        let (first, end) = (u16::from(slot.first()), slot.end());
        let mut is_patched = false;
        let mut inside = Some(inside);
        old.each_run(|start, hop| {
            let start = u16::from(start);
            if start >= first && !is_patched {
                is_patched = true;
                self.patch_in(old, first, end, outside, inside.take());
            }
            if start < first || start > end {
                self.begin(start, hop);
            }
        });
        if !is_patched {
            self.patch_in(old, first, end, outside, inside.take());
        }
    }

    fn patch_in(
        &mut self,
        old: NodeRef<'_>,
        first: u16,
        end: u16,
        outside: u32,
        inside: Option<impl Iterator<Item = Entry>>,
    ) {
        self.begin(first, outside);
        if let Some(inside) = inside {
            self.expand_inside(end, outside, inside);
        }
        if let Ok(behind) = u8::try_from(end) {
            self.begin(end, old.step(behind).hop);
        }
    }

    /// Expands sorted routes up to `end`. A prefix precedes the prefixes in it. Values that no
    /// prefix covers have the next hop `outside`.
    fn expand_inside(&mut self, end: u16, outside: u32, routes: impl Iterator<Item = Entry>) {
        // The prefixes that cover the current value, each inside the preceding one.
        let mut open = [(end, outside); STRIDE as usize + 2];
        let mut depth = 1;
        let mut before = None;
        for entry in routes {
            // The first route of a prefix serves.
            if before.replace(entry.slot) == Some(entry.slot) {
                continue;
            }
            depth = self.close(&open, depth, entry.slot.first().into());
            self.begin(entry.slot.first().into(), entry.hop);
            open[depth] = (entry.slot.end(), entry.hop);
            depth += 1;
        }
        self.close(&open, depth, end);
    }

    /// Ends the prefixes that end at or before `at`. Returns the number of the remaining ones.
    fn close(&mut self, open: &[(u16, u32)], mut depth: usize, at: u16) -> usize {
        while depth > 1 && open[depth - 1].0 <= at {
            let (end, _) = open[depth - 1];
            depth -= 1;
            self.begin(end, open[depth - 1].1);
        }
        depth
    }
}
