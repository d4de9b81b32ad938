// SPDX-License-Identifier: GPL-2.0

//! The check of dumps: each route is valid, none is missing, and they are in order.

use super::{
    finding::Finding,
    lookup_check::site_and_version,
    origin::Origin,
    universe::Universe,
    versions::{Versions, Window},
};
use crate::rcu_table::{Key, Route, Selector, Table};
use kernel::prelude::*;

/// The memory for the check of a dump. Each check reuses it.
pub(super) struct DumpCheck {
    /// Each site's version that was published before the dump.
    published: KVec<u32>,
    piece: KVec<Route>,
}

/// The progress of a check.
struct Progress {
    /// The first site that is not yet checked.
    next: usize,
    /// The key of the last route.
    last: Option<Key>,
    is_raced: bool,
}

impl DumpCheck {
    /// Routes that are copied in one critical section.
    const PIECE: usize = 16;

    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn new(universe: &Universe) -> Result<Self> {
        Ok(Self {
            published: KVec::from_elem(0, universe.len(), GFP_KERNEL)?,
            piece: KVec::with_capacity(Self::PIECE, GFP_KERNEL)?,
        })
    }

    /// Dumps the table and checks the routes. Returns whether a change raced with the dump.
    ///
    /// Context: any; never waits.
    pub(super) fn check(
        &mut self,
        table: &Table,
        universe: &Universe,
        versions: &Versions,
    ) -> Result<bool, Finding> {
        for (site, version) in self.published.iter_mut().enumerate() {
            *version = versions.published(universe.clock(site));
        }
        let mut progress = Progress {
            next: 0,
            last: None,
            is_raced: false,
        };
        loop {
            self.piece.clear();
            let dumped = table.dump(Selector::All, progress.last, &mut self.piece);
            // A fatal signal ends the dump; nothing is known of the routes that follow.
            if dumped.is_err() {
                return Ok(progress.is_raced);
            }
            for route in &self.piece {
                self.check_route(universe, versions, &mut progress, route)?;
            }
            if self.piece.len() < self.piece.capacity() {
                break;
            }
        }
        self.check_absent(universe.len(), universe, versions, &mut progress)?;
        Ok(progress.is_raced)
    }

    fn check_route(
        &self,
        universe: &Universe,
        versions: &Versions,
        progress: &mut Progress,
        route: &Route,
    ) -> Result<(), Finding> {
        let after = Key::from(route);
        match progress.last {
            Some(before) if before >= after => return Err(Finding::DumpOrder { before, after }),
            _ => progress.last = Some(after),
        }
        if matches!(Origin::of(&route.next_hop), Some(Origin::Fake { .. })) {
            return Ok(());
        }
        let foreign = Finding::DumpForeign { route: *route };
        let (site, version) = site_and_version(universe, route).ok_or(foreign)?;
        self.check_absent(site, universe, versions, progress)?;
        progress.next = site + 1;
        let valid = self.window(site, universe, versions);
        progress.is_raced |= valid.is_raced();
        match valid.has(version) {
            true => Ok(()),
            false => Err(Finding::DumpVersion {
                prefix: route.prefix,
                version,
                valid,
            }),
        }
    }

    /// Checks that the sites before `end` that are not yet checked may have been absent.
    fn check_absent(
        &self,
        end: usize,
        universe: &Universe,
        versions: &Versions,
        progress: &mut Progress,
    ) -> Result<(), Finding> {
        for site in progress.next..end {
            let valid = self.window(site, universe, versions);
            progress.is_raced |= valid.is_raced();
            match universe.prefix(site) {
                Some(prefix) if !valid.may_be_absent() => {
                    return Err(Finding::DumpMissed { prefix })
                }
                _ => (),
            }
        }
        Ok(())
    }

    fn window(&self, site: usize, universe: &Universe, versions: &Versions) -> Window {
        let published = self.published.get(site).copied().unwrap_or(0);
        versions.window(universe.clock(site), published)
    }
}
