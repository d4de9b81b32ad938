// SPDX-License-Identifier: GPL-2.0

//! The prefixes that are checked, the addresses that are looked up, and the prefixes of fake writers.
//!
//! In each family:
//!
//! ```text
//!   0/0  10/8  10.100/16  10.200/16  10.240/12     covers, which never change
//!   10.C/16 > /17 > /21 > /24 > /26 > /32          chains, through several nodes
//!   10.100.N/24                                    siblings in one node
//!   10.200.0.N/32                                  hosts
//!   10.24G/16 > /24 > /32, /22                     groups, which change by transactions, in both families
//! ```
//!
//! IPv6 has the same four bytes far apart, so that nodes are left out in between.

use super::origin::Origin;
use crate::rcu_table::{Family, Prefix, Route};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use kernel::prelude::*;

/// Chains of nested prefixes in each family.
const CHAINS: u8 = 8;
/// Siblings, and hosts, in each family.
const NEIGHBOURS: u8 = 32;
/// Groups of prefixes that change together.
pub(super) const GROUPS: usize = 4;
/// The bytes that fake writers use where the addresses that are looked up have others.
const FAKE_BYTES: core::ops::Range<u8> = 128..192;
/// Metrics of a fake writer's routes.
const FAKE_METRICS: u32 = 3;
/// The most prefixes that cover an address, up to the one that never changes.
pub(super) const MAX_COVERING: usize = 8;
/// The version that covers have.
pub(super) const COVERS_VERSION: u32 = 1;

/// Where a prefix or an address is: four bytes of it; the others are 0.
type Place = [u8; 4];

/// Which bytes of an IPv6 address these are.
const SPREAD: [u8; 4] = [0, 1, 8, 15];

fn address(family: Family, place: Place) -> IpAddr {
    match family {
        Family::Inet => Ipv4Addr::from(place).into(),
        Family::Inet6 => {
            let mut octets = [0; 16];
            for (at, byte) in SPREAD.into_iter().zip(place) {
                octets[usize::from(at)] = byte;
            }
            Ipv6Addr::from(octets).into()
        }
    }
}

fn prefix(family: Family, place: Place, len: u8) -> Result<Prefix> {
    let len = match family {
        Family::Inet => len,
        Family::Inet6 => match len.checked_sub(1) {
            // The byte that the last bit is in goes where that byte does.
            Some(last) => len - last / 8 * 8 + 8 * SPREAD[usize::from(last / 8 % 4)],
            None => 0,
        },
    };
    Prefix::new(address(family, place), len).map_err(|_| EINVAL)
}

/// How a prefix changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Never.
    Cover,
    /// By itself, or together with others.
    Single,
    /// With all others of the group of that number.
    Member(usize),
}

/// A prefix that is checked.
struct Site {
    prefix: Prefix,
    role: Role,
}

/// An address that is looked up.
pub(super) struct Asked {
    pub(super) address: IpAddr,
    /// The sites that cover it, the longest prefix first, up to one that never changes.
    covering: [u16; MAX_COVERING],
    len: usize,
}

impl Asked {
    /// The sites that cover it, the longest prefix first, up to one that never changes.
    pub(super) fn covering(&self) -> impl Iterator<Item = usize> + '_ {
        self.covering.iter().take(self.len).map(|&site| site.into())
    }
}

/// All of it. Sites are in the order of a dump.
pub(super) struct Universe {
    sites: KVec<Site>,
    singles: KVec<usize>,
    asked: KVec<Asked>,
    /// For each group, an address that its members serve, for each of them.
    groups: [KVec<Asked>; GROUPS],
}

impl Universe {
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn new() -> Result<Self> {
        let mut draft = Draft::default();
        for family in Family::ALL {
            draft.covers(family)?;
            draft.chains(family)?;
            draft.neighbours(family)?;
            draft.groups(family)?;
        }
        draft.finish()
    }

    /// How many sites there are.
    pub(super) fn len(&self) -> usize {
        self.sites.len()
    }

    /// How many versions there are: of each group one, and of each site that may have its own.
    pub(super) fn clocks(&self) -> usize {
        GROUPS + self.len()
    }

    /// The number of a site's version; those of groups come first.
    pub(super) fn clock(&self, site: usize) -> usize {
        match self.sites.get(site).map(|site| site.role) {
            Some(Role::Member(group)) => group,
            _ => GROUPS + site,
        }
    }

    /// The sites that change with a version.
    pub(super) fn sites_of(&self, clock: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.len()).filter(move |&site| self.clock(site) == clock)
    }

    /// The prefix of a site.
    pub(super) fn prefix(&self, site: usize) -> Option<Prefix> {
        self.sites.get(site).map(|site| site.prefix)
    }

    /// The route that a site has in a version.
    pub(super) fn route(&self, site: usize, version: u32) -> Route {
        Route {
            prefix: self.sites[site].prefix,
            metric: 0,
            next_hop: Origin::Checked { site, version }.next_hop(),
        }
    }

    /// The sites that never change.
    pub(super) fn covers(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.len()).filter(|&site| self.is_cover(site))
    }

    pub(super) fn is_cover(&self, site: usize) -> bool {
        self.has_role(site, Role::Cover)
    }

    /// Whether a version can change.
    pub(super) fn may_change(&self, clock: usize) -> bool {
        match clock.checked_sub(GROUPS) {
            Some(site) => self.has_role(site, Role::Single),
            None => true,
        }
    }

    /// Whether a site goes when that family, or both, are flushed.
    pub(super) fn is_flushed(&self, site: usize, family: Option<Family>) -> bool {
        let prefix = self.prefix(site);
        prefix.is_some_and(|prefix| family.iter().all(|family| prefix.family() == *family))
    }

    fn has_role(&self, site: usize, role: Role) -> bool {
        self.sites.get(site).is_some_and(|site| site.role == role)
    }

    /// The sites that change by themselves.
    pub(super) fn singles(&self) -> &[usize] {
        &self.singles
    }

    /// The addresses that are looked up one by one.
    pub(super) fn asked(&self) -> &[Asked] {
        &self.asked
    }

    /// The addresses that the members of a group serve.
    pub(super) fn group(&self, number: usize) -> &[Asked] {
        &self.groups[number % GROUPS]
    }
}

/// A universe that is being made.
#[derive(Default)]
struct Draft {
    sites: KVec<Site>,
    asked: KVec<IpAddr>,
    members: KVec<(usize, IpAddr)>,
}

impl Draft {
    fn site(&mut self, family: Family, place: Place, len: u8, role: Role) -> Result {
        let prefix = prefix(family, place, len)?;
        Ok(self.sites.push(Site { prefix, role }, GFP_KERNEL)?)
    }

    fn ask(&mut self, family: Family, place: Place) -> Result {
        Ok(self.asked.push(address(family, place), GFP_KERNEL)?)
    }

    fn covers(&mut self, family: Family) -> Result {
        self.site(family, [0; 4], 0, Role::Cover)?;
        self.site(family, [10, 0, 0, 0], 8, Role::Cover)?;
        self.site(family, [10, 100, 0, 0], 16, Role::Cover)?;
        self.site(family, [10, 200, 0, 0], 16, Role::Cover)?;
        self.site(family, [10, 240, 0, 0], 12, Role::Cover)?;
        self.ask(family, [11, 0, 0, 1])?;
        self.ask(family, [10, 99, 1, 1])?;
        self.ask(family, [10, 100, 250, 1])?;
        self.ask(family, [10, 200, 0, 250])
    }

    fn chains(&mut self, family: Family) -> Result {
        for chain in 0..CHAINS {
            self.site(family, [10, chain, 0, 0], 16, Role::Single)?;
            self.site(family, [10, chain, 0, 0], 17, Role::Single)?;
            self.site(family, [10, chain, 72, 0], 21, Role::Single)?;
            self.site(family, [10, chain, 77, 0], 24, Role::Single)?;
            self.site(family, [10, chain, 77, 64], 26, Role::Single)?;
            self.site(family, [10, chain, 77, 100], 32, Role::Single)?;
            // In all of them, in all but the last, and so on.
            for (third, fourth) in [(77, 100), (77, 101), (77, 1), (78, 1), (1, 1), (250, 1)] {
                self.ask(family, [10, chain, third, fourth])?;
            }
        }
        Ok(())
    }

    fn neighbours(&mut self, family: Family) -> Result {
        for number in 0..NEIGHBOURS {
            self.site(family, [10, 100, number, 0], 24, Role::Single)?;
            self.ask(family, [10, 100, number, 1])?;
            self.site(family, [10, 200, 0, number], 32, Role::Single)?;
            self.ask(family, [10, 200, 0, number])?;
        }
        Ok(())
    }

    fn groups(&mut self, family: Family) -> Result {
        for group in 0..GROUPS {
            let second = 240 + group as u8;
            // A prefix, and an address that only this one of the group serves.
            let members = [
                ([10, second, 0, 0], 16, [10, second, 99, 1]),
                ([10, second, 16, 0], 24, [10, second, 16, 99]),
                ([10, second, 16, 1], 32, [10, second, 16, 1]),
                ([10, second, 200, 0], 22, [10, second, 201, 1]),
            ];
            for (place, len, asked) in members {
                self.site(family, place, len, Role::Member(group))?;
                let member = (group, address(family, asked));
                self.members.push(member, GFP_KERNEL)?;
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Universe> {
        sort_by_prefix(&mut self.sites);
        let mut singles = KVec::new();
        for (number, site) in self.sites.iter().enumerate() {
            if site.role == Role::Single {
                singles.push(number, GFP_KERNEL)?;
            }
        }
        let mut asked = KVec::with_capacity(self.asked.len(), GFP_KERNEL)?;
        for &address in &self.asked {
            asked.push(self.asked(address), GFP_KERNEL)?;
        }
        let mut groups = [const { KVec::new() }; GROUPS];
        for &(group, address) in &self.members {
            groups[group].push(self.asked(address), GFP_KERNEL)?;
        }
        Ok(Universe {
            sites: self.sites,
            singles,
            asked,
            groups,
        })
    }

    /// Finds what covers an address.
    fn asked(&self, address: IpAddr) -> Asked {
        let mut asked = Asked {
            address,
            covering: [0; MAX_COVERING],
            len: 0,
        };
        // Of prefixes that cover one address, the longer come later.
        let covering = self.sites.iter().enumerate().rev();
        for (number, site) in covering.filter(|(_, site)| site.prefix.covers(address)) {
            if let Some(place) = asked.covering.get_mut(asked.len) {
                *place = number as u16;
                asked.len += 1;
            }
            if site.role == Role::Cover {
                break;
            }
        }
        asked
    }
}

/// A route of the fake writer with that number, at random.
///
/// Errors: none that happen.
pub(super) fn fake_route(writer: u32, random: &mut super::Random<'_>) -> Result<Route> {
    const SHARE: u8 = 8;
    let shares = u32::from((FAKE_BYTES.end - FAKE_BYTES.start) / SHARE);
    let first = FAKE_BYTES.start + SHARE * (writer % shares) as u8;
    let byte = first + random(SHARE.into()) as u8;
    let chain = random(CHAINS.into()) as u8;
    // In the nodes of siblings, of hosts and of chains, and above.
    let (place, len) = match random(6) {
        0 => ([10, 100, byte, 0], 24),
        1 => ([10, 200, 0, byte], 32),
        2 => ([10, chain, byte, 0], 24),
        3 => ([10, chain, 77, byte], 32),
        4 => ([10, chain, 77, first], 29),
        _ => ([10, byte, 0, 0], 16),
    };
    let family = match random(2) {
        0 => Family::Inet,
        _ => Family::Inet6,
    };
    let number = random(u32::MAX);
    Ok(Route {
        prefix: prefix(family, place, len)?,
        metric: random(FAKE_METRICS),
        next_hop: Origin::Fake { number }.next_hop(),
    })
}

/// There are few, and the library's sort leaves panics in the module that the kernel's build warns of.
fn sort_by_prefix(sites: &mut [Site]) {
    for sorted in 1..sites.len() {
        let in_order = |pair: &[Site]| matches!(pair, [a, b] if a.prefix <= b.prefix);
        for place in (0..sorted).rev() {
            match sites.get(place..place + 2) {
                Some(pair) if !in_order(pair) => sites.swap(place, place + 1),
                _ => break,
            }
        }
    }
}
