// SPDX-License-Identifier: GPL-2.0

//! Checks of the answers of lookups.
//!
//! A lookup passes nodes one by one while single routes change. So of two changes it may see only
//! the later one. Two facts can still be checked: the returned route was present at some time
//! during the lookup, and each longer prefix that covers the address was absent at some time during
//! the lookup.

use super::{
    finding::Finding,
    origin::Origin,
    universe::{Target, Universe, MAX_COVERING},
    versions::{Versions, Window},
};
use crate::rcu_table::{NextHop, Route};

/// The check of one lookup: the versions that were published before it.
pub(super) struct LookupCheck<'t> {
    universe: &'t Universe,
    versions: &'t Versions,
    target: &'t Target,
    published: [u32; MAX_COVERING],
}

impl<'t> LookupCheck<'t> {
    /// Prepares the check. The caller must do this before the lookup.
    pub(super) fn new(universe: &'t Universe, versions: &'t Versions, target: &'t Target) -> Self {
        let mut published = [0; MAX_COVERING];
        for (version, site) in published.iter_mut().zip(target.covering()) {
            *version = versions.published(universe.clock(site));
        }
        Self {
            universe,
            versions,
            target,
            published,
        }
    }

    /// Checks the route that a lookup returned. Returns whether a change raced with the lookup.
    pub(super) fn route(&self, answer: Option<&Route>) -> Result<bool, Finding> {
        let Some(route) = answer else {
            return self.version(None);
        };
        let address = self.target.address;
        let foreign = Finding::LookupForeign {
            address,
            route: *route,
        };
        let (site, version) = site_and_version(self.universe, route).ok_or(foreign)?;
        if !self.target.is_covered_by(site) {
            return Err(foreign);
        }
        self.version(Some((site, version)))
    }

    /// Checks the next hop that a lookup returned. Returns whether a change raced with the lookup.
    pub(super) fn next_hop(&self, answer: Option<&NextHop>) -> Result<bool, Finding> {
        let address = self.target.address;
        match answer.map(Origin::of) {
            None => self.version(None),
            Some(Some(Origin::Checked { site, version })) if self.target.is_covered_by(site) => {
                self.version(Some((site, version)))
            }
            _ => Err(Finding::NextHopForeign { address }),
        }
    }

    /// Checks the version of the site that answered; `None` if the lookup found no route.
    fn version(&self, answer: Option<(usize, u32)>) -> Result<bool, Finding> {
        let address = self.target.address;
        let mut is_raced = false;
        for (site, published) in self.target.covering().zip(self.published) {
            let Some(prefix) = self.universe.prefix(site) else {
                break;
            };
            let clock = self.universe.clock(site);
            let valid = self.versions.window(clock, published);
            is_raced |= valid.is_raced();
            match answer {
                Some((found, version)) if found == site => {
                    return match valid.has(version) {
                        true => Ok(is_raced),
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
        Ok(is_raced)
    }
}

/// Returns the site and the version of a route; `None` if the checking writer cannot have made it.
pub(super) fn site_and_version(universe: &Universe, route: &Route) -> Option<(usize, u32)> {
    match Origin::of(&route.next_hop)? {
        Origin::Checked { site, version }
            if universe.prefix(site) == Some(route.prefix) && route.metric == 0 =>
        {
            Some((site, version))
        }
        _ => None,
    }
}

/// The check of lookups of all members of a group in one snapshot.
pub(super) struct GroupCheck<'t> {
    universe: &'t Universe,
    versions: &'t Versions,
    clock: usize,
    published: u32,
    /// The version that the first lookup found; `Some(None)` if the member was absent.
    first: Option<Option<u32>>,
}

impl<'t> GroupCheck<'t> {
    /// Prepares the check. The caller must do this before it takes the snapshot. `clock` is the
    /// number of the group.
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

    /// Returns whether a change of the group raced with the lookups.
    pub(super) fn is_raced(&self) -> bool {
        self.valid().is_raced()
    }

    /// Checks the route that one of the lookups returned.
    pub(super) fn route(&mut self, target: &Target, answer: Option<&Route>) -> Result<(), Finding> {
        let version = self.version_of(target, answer)?;
        let others = *self.first.get_or_insert(version);
        let address = target.address;
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

    /// Returns the version of the member whose prefix is the longest match; `None` if it is absent.
    fn version_of(&self, target: &Target, answer: Option<&Route>) -> Result<Option<u32>, Finding> {
        let address = target.address;
        let mut covering = target.covering();
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
        let (site, version) = site_and_version(self.universe, route).ok_or(foreign)?;
        if member == Some(site) {
            return Ok(Some(version));
        }
        match covering.find(|&covering| covering == site) {
            Some(site) if self.universe.is_cover(site) => Ok(None),
            // A shorter member answered: it is present, and the longest one is absent.
            Some(_) => Err(Finding::Torn {
                address,
                version: None,
                others: Some(version),
            }),
            None => Err(foreign),
        }
    }
}
