// SPDX-License-Identifier: GPL-2.0

//! The prefixes that are checked, the addresses that are looked up, and the prefixes of fake
//! writers.
//!
//! Each family has:
//!
//! ```text
//!   0/0  10/8  10.100/16  10.200/16  10.240/12     covers: never change
//!   10.C/16 > /17 > /21 > /24 > /26 > /32          chains: nested in several nodes
//!   10.100.N/24                                    siblings: in one node
//!   10.200.0.N/32                                  hosts
//!   10.24G/16 > /24 > /32, /22                     groups: change in transactions, across families
//! ```
//!
//! In IPv6 the same four bytes are far apart, so that paths between them skip nodes.

use super::origin::Origin;
use crate::rcu_table::{Family, Prefix, Route};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use kernel::prelude::*;

/// Chains of nested prefixes in each family.
const CHAINS: u8 = 8;
/// Prefixes of a chain.
const CHAIN_LEN: usize = 6;
/// Siblings in each family, and also hosts in each family.
const NEIGHBOURS: u8 = 32;
/// Groups of prefixes that change together.
pub(super) const GROUPS: usize = 4;
/// The bytes that distinguish fake writers' prefixes. No address that is looked up has them there.
const FAKE_BYTES: core::ops::Range<u8> = 128..192;
/// Metrics of a fake writer's routes.
const FAKE_METRICS: u32 = 3;
/// The most sites that cover an address, from the longest prefix to a cover.
pub(super) const MAX_COVERING: usize = 8;
/// The version of all covers.
pub(super) const COVERS_VERSION: u32 = 1;

/// The four bytes of an address that may differ from 0.
type Bytes = [u8; 4];

/// The positions of [`Bytes`] in an IPv6 address.
const INET6_POSITIONS: [u8; 4] = [0, 1, 8, 15];

fn address(family: Family, bytes: Bytes) -> IpAddr {
    match family {
        Family::Inet => Ipv4Addr::from(bytes).into(),
        Family::Inet6 => {
            let mut octets = [0; 16];
            for (at, byte) in INET6_POSITIONS.into_iter().zip(bytes) {
                octets[usize::from(at)] = byte;
            }
            Ipv6Addr::from(octets).into()
        }
    }
}

fn prefix(family: Family, bytes: Bytes, len: u8) -> Result<Prefix> {
    let len = match family {
        Family::Inet => len,
        Family::Inet6 => match len.checked_sub(1) {
            // Moves the prefix's last byte to its position.
            Some(last) => len - last / 8 * 8 + 8 * INET6_POSITIONS[usize::from(last / 8 % 4)],
            None => 0,
        },
    };
    Prefix::new(address(family, bytes), len).map_err(|_| EINVAL)
}

/// The way in which a site changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Never changes.
    Cover,
    /// Changes independently of other sites.
    Single,
    /// Changes together with the other members of the group of that number.
    Member(usize),
}

/// A prefix that is checked. It has at most one route, whose next hop encodes the site and a
/// version.
struct Site {
    prefix: Prefix,
    role: Role,
}

/// An address that is looked up.
pub(super) struct Target {
    pub(super) address: IpAddr,
    /// The indices of the sites that cover it: the longest prefix first, a cover last.
    covering: [u16; MAX_COVERING],
    len: usize,
}

impl Target {
    /// Returns the sites that cover the address: the longest prefix first, a cover last.
    pub(super) fn covering(&self) -> impl Iterator<Item = usize> + '_ {
        self.covering.iter().take(self.len).map(|&site| site.into())
    }

    /// Returns whether the site is one of [`covering`](Self::covering).
    pub(super) fn is_covered_by(&self, site: usize) -> bool {
        self.covering().any(|covering| covering == site)
    }
}

/// All sites, and all addresses that readers look up.
///
/// A site's index is its number. A *clock* is the number of a version: each group has one clock,
/// and each other site has its own.
pub(super) struct Universe {
    /// In the order of a dump.
    sites: KVec<Site>,
    singles: KVec<usize>,
    targets: KVec<Target>,
    /// The targets of each group: for each member an address whose longest match it is.
    groups: [KVec<Target>; GROUPS],
}

/// The part of a universe that single changes and single lookups use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Focus {
    All,
    /// One chain: each change is of a route that a reader is likely to have found.
    OneChain,
}

impl Universe {
    /// Errors: `ENOMEM`. Context: may sleep.
    pub(super) fn new(focus: Focus) -> Result<Self> {
        let mut draft = Draft::default();
        for family in Family::ALL {
            draft.covers(family)?;
            draft.chains(family)?;
            draft.neighbours(family)?;
            draft.groups(family)?;
        }
        draft.finish(focus)
    }

    /// Returns the number of sites.
    pub(super) fn len(&self) -> usize {
        self.sites.len()
    }

    /// Returns the number of clocks. Members of groups have unused clocks of their own.
    pub(super) fn clocks(&self) -> usize {
        GROUPS + self.len()
    }

    /// Returns the clock of a site. The clocks of groups precede those of sites.
    pub(super) fn clock(&self, site: usize) -> usize {
        match self.sites.get(site).map(|site| site.role) {
            Some(Role::Member(group)) => group,
            _ => GROUPS + site,
        }
    }

    /// Returns the sites of a clock.
    pub(super) fn sites_of(&self, clock: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.len()).filter(move |&site| self.clock(site) == clock)
    }

    /// Returns the prefix of a site.
    pub(super) fn prefix(&self, site: usize) -> Option<Prefix> {
        self.sites.get(site).map(|site| site.prefix)
    }

    /// Returns the route of a site in a version.
    pub(super) fn route(&self, site: usize, version: u32) -> Route {
        Route {
            prefix: self.sites[site].prefix,
            metric: 0,
            next_hop: Origin::Checked { site, version }.next_hop(),
        }
    }

    /// Returns the sites that never change.
    pub(super) fn covers(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.len()).filter(|&site| self.is_cover(site))
    }

    /// Returns whether the site never changes.
    pub(super) fn is_cover(&self, site: usize) -> bool {
        self.has_role(site, Role::Cover)
    }

    /// Returns whether a clock may advance.
    pub(super) fn may_change(&self, clock: usize) -> bool {
        match clock.checked_sub(GROUPS) {
            Some(site) => self.has_role(site, Role::Single),
            None => true,
        }
    }

    /// Returns whether a flush of a family, or of both, removes the route of a site.
    pub(super) fn is_flushed(&self, site: usize, family: Option<Family>) -> bool {
        let prefix = self.prefix(site);
        prefix.is_some_and(|prefix| family.iter().all(|family| prefix.family() == *family))
    }

    fn has_role(&self, site: usize, role: Role) -> bool {
        self.sites.get(site).is_some_and(|site| site.role == role)
    }

    /// Returns the sites that change independently.
    pub(super) fn singles(&self) -> &[usize] {
        &self.singles
    }

    /// Returns the addresses that readers look up one by one.
    pub(super) fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Returns an address for each member of a group, whose longest match the member is.
    pub(super) fn group(&self, number: usize) -> &[Target] {
        &self.groups[number % GROUPS]
    }
}

/// A universe under construction.
#[derive(Default)]
struct Draft {
    sites: KVec<Site>,
    addresses: KVec<IpAddr>,
    members: KVec<(usize, IpAddr)>,
}

impl Draft {
    fn site(&mut self, family: Family, bytes: Bytes, len: u8, role: Role) -> Result {
        let prefix = prefix(family, bytes, len)?;
        Ok(self.sites.push(Site { prefix, role }, GFP_KERNEL)?)
    }

    fn look_up(&mut self, family: Family, bytes: Bytes) -> Result {
        Ok(self.addresses.push(address(family, bytes), GFP_KERNEL)?)
    }

    fn covers(&mut self, family: Family) -> Result {
        self.site(family, [0; 4], 0, Role::Cover)?;
        self.site(family, [10, 0, 0, 0], 8, Role::Cover)?;
        self.site(family, [10, 100, 0, 0], 16, Role::Cover)?;
        self.site(family, [10, 200, 0, 0], 16, Role::Cover)?;
        self.site(family, [10, 240, 0, 0], 12, Role::Cover)?;
        self.look_up(family, [11, 0, 0, 1])?;
        self.look_up(family, [10, 99, 1, 1])?;
        self.look_up(family, [10, 100, 250, 1])?;
        self.look_up(family, [10, 200, 0, 250])
    }

    fn chains(&mut self, family: Family) -> Result {
        for chain in 0..CHAINS {
            self.site(family, [10, chain, 0, 0], 16, Role::Single)?;
            self.site(family, [10, chain, 0, 0], 17, Role::Single)?;
            self.site(family, [10, chain, 72, 0], 21, Role::Single)?;
            self.site(family, [10, chain, 77, 0], 24, Role::Single)?;
            self.site(family, [10, chain, 77, 64], 26, Role::Single)?;
            self.site(family, [10, chain, 77, 100], 32, Role::Single)?;
            // All prefixes of the chain cover the first address. One fewer covers each further
            // address.
            for (third, fourth) in [(77, 100), (77, 101), (77, 1), (78, 1), (1, 1), (250, 1)] {
                self.look_up(family, [10, chain, third, fourth])?;
            }
        }
        Ok(())
    }

    fn neighbours(&mut self, family: Family) -> Result {
        for number in 0..NEIGHBOURS {
            self.site(family, [10, 100, number, 0], 24, Role::Single)?;
            self.look_up(family, [10, 100, number, 1])?;
            self.site(family, [10, 200, 0, number], 32, Role::Single)?;
            self.look_up(family, [10, 200, 0, number])?;
        }
        Ok(())
    }

    fn groups(&mut self, family: Family) -> Result {
        for group in 0..GROUPS {
            let second = 240 + group as u8;
            // A prefix, and an address whose longest match it is.
            let members = [
                ([10, second, 0, 0], 16, [10, second, 99, 1]),
                ([10, second, 16, 0], 24, [10, second, 16, 99]),
                ([10, second, 16, 1], 32, [10, second, 16, 1]),
                ([10, second, 200, 0], 22, [10, second, 201, 1]),
            ];
            for (bytes, len, target) in members {
                self.site(family, bytes, len, Role::Member(group))?;
                let member = (group, address(family, target));
                self.members.push(member, GFP_KERNEL)?;
            }
        }
        Ok(())
    }

    fn finish(mut self, focus: Focus) -> Result<Universe> {
        sort_by_prefix(&mut self.sites);
        let count = match focus {
            Focus::All => usize::MAX,
            // The first sites are those of the first chain.
            Focus::OneChain => CHAIN_LEN,
        };
        let mut singles = KVec::new();
        let is_single = |(_, site): &(usize, &Site)| site.role == Role::Single;
        let sites = self.sites.iter().enumerate().filter(is_single);
        for (number, _) in sites.take(count) {
            singles.push(number, GFP_KERNEL)?;
        }
        let mut targets = KVec::with_capacity(self.addresses.len(), GFP_KERNEL)?;
        for &address in &self.addresses {
            let target = self.target(address);
            let longest = target.covering().next();
            if focus == Focus::All || longest.is_some_and(|site| singles.contains(&site)) {
                targets.push(target, GFP_KERNEL)?;
            }
        }
        let mut groups = [const { KVec::new() }; GROUPS];
        for &(group, address) in &self.members {
            groups[group].push(self.target(address), GFP_KERNEL)?;
        }
        Ok(Universe {
            sites: self.sites,
            singles,
            targets,
            groups,
        })
    }

    /// Finds the sites that cover an address.
    fn target(&self, address: IpAddr) -> Target {
        let mut target = Target {
            address,
            covering: [0; MAX_COVERING],
            len: 0,
        };
        // Sites are sorted, so a longer prefix of the same address has a higher index.
        let covering = self.sites.iter().enumerate().rev();
        for (number, site) in covering.filter(|(_, site)| site.prefix.covers(address)) {
            if let Some(index) = target.covering.get_mut(target.len) {
                *index = number as u16;
                target.len += 1;
            }
            if site.role == Role::Cover {
                break;
            }
        }
        target
    }
}

/// Returns a random route of the fake writer with that number.
///
/// Errors: none in practice; the prefixes are valid.
pub(super) fn fake_route(writer: u32, random: &mut super::Random<'_>) -> Result<Route> {
    /// Bytes of each fake writer.
    const SHARE: u8 = 8;
    let shares = u32::from((FAKE_BYTES.end - FAKE_BYTES.start) / SHARE);
    let first = FAKE_BYTES.start + SHARE * (writer % shares) as u8;
    let byte = first + random(SHARE.into()) as u8;
    let chain = random(CHAINS.into()) as u8;
    // In the nodes of siblings, hosts and chains, and in a node above them.
    let (bytes, len) = match random(6) {
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
        prefix: prefix(family, bytes, len)?,
        metric: random(FAKE_METRICS),
        next_hop: Origin::Fake { number }.next_hop(),
    })
}

/// Sorts the few sites. The library's sort would add panics to the module, of which the kernel's
/// build warns.
fn sort_by_prefix(sites: &mut [Site]) {
    for sorted in 1..sites.len() {
        let in_order = |pair: &[Site]| matches!(pair, [a, b] if a.prefix <= b.prefix);
        for index in (0..sorted).rev() {
            match sites.get(index..index + 2) {
                Some(pair) if !in_order(pair) => sites.swap(index, index + 1),
                _ => break,
            }
        }
    }
}
