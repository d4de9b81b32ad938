// SPDX-License-Identifier: GPL-2.0

//! What a reader may be told.
//!
//! A lookup passes one node after the other while single routes change, so it may see of two changes the
//! later one alone. What can be said is this: the route that it gave was there at some time, and each
//! longer prefix that covers the address was absent at some time.

use super::{
    finding::Finding,
    origin::Origin,
    universe::{Asked, Universe, MAX_COVERING},
    versions::{Versions, Window},
};
use crate::rcu_table::{Key, NextHop, Route, Selector, Table};
use kernel::prelude::*;

/// A lookup that is going to be judged: what was published before it.
pub(super) struct Judge<'t> {
    universe: &'t Universe,
    versions: &'t Versions,
    asked: &'t Asked,
    published: [u32; MAX_COVERING],
}

impl<'t> Judge<'t> {
    /// To be made before the lookup.
    pub(super) fn new(universe: &'t Universe, versions: &'t Versions, asked: &'t Asked) -> Self {
        let mut published = [0; MAX_COVERING];
        for (version, site) in published.iter_mut().zip(asked.covering()) {
            *version = versions.published(universe.clock(site));
        }
        Self {
            universe,
            versions,
            asked,
            published,
        }
    }

    /// Judges a route, or nothing, that a lookup gave. Says whether the table changed meanwhile.
    pub(super) fn route(&self, answer: Option<&Route>) -> Result<bool, Finding> {
        let Some(route) = answer else {
            return self.version(None);
        };
        let address = self.asked.address;
        let foreign = Finding::LookupForeign {
            address,
            route: *route,
        };
        let (site, version) = checked(self.universe, route).ok_or(foreign)?;
        if !self.asked.covering().any(|covering| covering == site) {
            return Err(foreign);
        }
        self.version(Some((site, version)))
    }

    /// The same of a next hop.
    pub(super) fn next_hop(&self, answer: Option<&NextHop>) -> Result<bool, Finding> {
        let address = self.asked.address;
        match answer.map(Origin::of) {
            None => self.version(None),
            Some(Some(Origin::Checked { site, version }))
                if self.asked.covering().any(|covering| covering == site) =>
            {
                self.version(Some((site, version)))
            }
            _ => Err(Finding::NextHopForeign { address }),
        }
    }

    /// Judges a version of one of the sites that cover the address.
    fn version(&self, answer: Option<(usize, u32)>) -> Result<bool, Finding> {
        let address = self.asked.address;
        let mut raced = false;
        for (site, published) in self.asked.covering().zip(self.published) {
            let Some(prefix) = self.universe.prefix(site) else {
                break;
            };
            let clock = self.universe.clock(site);
            let valid = self.versions.window(clock, published);
            raced |= valid.is_raced();
            match answer {
                Some((found, version)) if found == site => {
                    return match valid.has(version) {
                        true => Ok(raced),
                        false => Err(Finding::LookupVersion {
                            address,
                            prefix,
                            version,
                            valid,
                        }),
                    };
                }
                _ if valid.may_be_absent() => (),
                _ => return Err(Finding::LookupMissed { address, prefix }),
            }
        }
        Ok(raced)
    }
}

/// Which site has that route, and in which version; `None` if none can have it.
fn checked(universe: &Universe, route: &Route) -> Option<(usize, u32)> {
    match Origin::of(&route.next_hop)? {
        Origin::Checked { site, version }
            if universe.prefix(site) == Some(route.prefix) && route.metric == 0 =>
        {
            Some((site, version))
        }
        _ => None,
    }
}

/// Lookups of all members of a group through one snapshot.
pub(super) struct GroupJudge<'t> {
    universe: &'t Universe,
    versions: &'t Versions,
    clock: usize,
    published: u32,
    /// What the first one showed.
    first: Option<Option<u32>>,
}

impl<'t> GroupJudge<'t> {
    /// To be made before the snapshot; `clock` is the group's number.
    pub(super) fn new(universe: &'t Universe, versions: &'t Versions, clock: usize) -> Self {
        Self {
            universe,
            versions,
            clock,
            published: versions.published(clock),
            first: None,
        }
    }

    fn valid(&self) -> Window {
        self.versions.window(self.clock, self.published)
    }

    /// Whether the group changed meanwhile.
    pub(super) fn is_raced(&self) -> bool {
        self.valid().is_raced()
    }

    /// Judges what one of the lookups gave.
    pub(super) fn route(&mut self, asked: &Asked, answer: Option<&Route>) -> Result<(), Finding> {
        let version = self.version_of(asked, answer)?;
        let others = *self.first.get_or_insert(version);
        let address = asked.address;
        if others != version {
            return Err(Finding::Torn {
                address,
                version,
                others,
            });
        }
        let valid = self.valid();
        let is_valid = match version {
            Some(version) => valid.has(version),
            None => valid.may_be_absent(),
        };
        match is_valid {
            true => Ok(()),
            false => Err(Finding::SnapshotVersion {
                address,
                version,
                valid,
            }),
        }
    }

    /// The version of the member that should serve the address; `None` if it is absent.
    fn version_of(&self, asked: &Asked, answer: Option<&Route>) -> Result<Option<u32>, Finding> {
        let address = asked.address;
        let mut covering = asked.covering();
        let member = covering.next();
        let Some(route) = answer else {
            let prefix = covering.last().and_then(|site| self.universe.prefix(site));
            return match prefix {
                Some(prefix) => Err(Finding::LookupMissed { address, prefix }),
                None => Ok(None),
            };
        };
        let foreign = Finding::LookupForeign {
            address,
            route: *route,
        };
        let (site, version) = checked(self.universe, route).ok_or(foreign)?;
        if member == Some(site) {
            return Ok(Some(version));
        }
        match covering.find(|&covering| covering == site) {
            Some(site) if self.universe.is_cover(site) => Ok(None),
            // Of the members around it there is one, and this one is absent.
            Some(_) => Err(Finding::Torn {
                address,
                version: None,
                others: Some(version),
            }),
            None => Err(foreign),
        }
    }
}

/// Dumps that are judged, and room for them.
pub(super) struct DumpCheck {
    /// What was published before the dump.
    published: KVec<u32>,
    piece: KVec<Route>,
}

/// Where in a dump the judge is.
struct Progress {
    /// The first site that has not come up.
    next: usize,
    last: Option<Key>,
    raced: bool,
}

impl DumpCheck {
    /// Routes in a piece of a dump.
    const PIECE: usize = 16;

    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn new(universe: &Universe) -> Result<Self> {
        Ok(Self {
            published: KVec::from_elem(0, universe.len(), GFP_KERNEL)?,
            piece: KVec::with_capacity(Self::PIECE, GFP_KERNEL)?,
        })
    }

    /// Dumps the table, and judges what comes. Says whether the table changed meanwhile.
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
            raced: false,
        };
        loop {
            self.piece.clear();
            table.dump(Selector::All, progress.last, &mut self.piece);
            for route in &self.piece {
                self.judge(universe, versions, &mut progress, route)?;
            }
            if self.piece.len() < self.piece.capacity() {
                break;
            }
        }
        self.skip_to(universe.len(), universe, versions, &mut progress)?;
        Ok(progress.raced)
    }

    fn judge(
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
        let (site, version) = checked(universe, route).ok_or(foreign)?;
        self.skip_to(site, universe, versions, progress)?;
        progress.next = site + 1;
        let valid = self.window(site, universe, versions);
        progress.raced |= valid.is_raced();
        match valid.has(version) {
            true => Ok(()),
            false => Err(Finding::DumpVersion {
                prefix: route.prefix,
                version,
                valid,
            }),
        }
    }

    /// Judges that the sites before `end` have not come up.
    fn skip_to(
        &self,
        end: usize,
        universe: &Universe,
        versions: &Versions,
        progress: &mut Progress,
    ) -> Result<(), Finding> {
        for site in progress.next..end {
            let valid = self.window(site, universe, versions);
            progress.raced |= valid.is_raced();
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
