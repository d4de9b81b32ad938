// SPDX-License-Identifier: GPL-2.0

//! The choices for routes: few prefixes, which nest and end at or beside byte boundaries.

use crate::rcu_table::{DevName, Family, Mode, NextHop, Operation, Prefix, Route, Selector};
use arbitrary::{Result, Unstructured};
use core::net::IpAddr;

/// Prefix lengths at and beside byte boundaries; for IPv4 they are limited to 32.
const LENGTHS: [u8; 32] = [
    0, 1, 2, 7, 8, 9, 12, 15, 16, 17, 20, 23, 24, 25, 31, 32, // Both.
    33, 39, 40, 41, 47, 48, 49, 56, 63, 64, 65, 96, 119, 120, 127, 128,
];

/// The first bytes of addresses.
const BYTES: [u8; 4] = [0x00, 0x0a, 0x80, 0xff];

/// The bytes of an IPv6 address after the first four.
const TAILS: [u128; 4] = [0, u128::MAX, 0x5a5a << 40, 1];

/// Metrics; the default metric is more frequent.
const METRICS: [u32; 8] = [0, 0, 0, 1, 2, 3, 4096, u32::MAX];

pub(super) fn family(bytes: &mut Unstructured<'_>) -> Result<Family> {
    Ok(*bytes.choose(&[Family::Inet, Family::Inet6])?)
}

pub(super) fn some_family(bytes: &mut Unstructured<'_>) -> Result<Option<Family>> {
    Ok(*bytes.choose(&[None, Some(Family::Inet), Some(Family::Inet6)])?)
}

/// The mask of the first `len` bits.
pub(super) fn mask(len: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(len)).unwrap_or(0)
}

pub(super) fn to_address(family: Family, bits: u128) -> IpAddr {
    match family {
        Family::Inet => IpAddr::V4(((bits >> 96) as u32).into()),
        Family::Inet6 => IpAddr::V6(bits.into()),
    }
}

/// Chooses the bits of an address by two bytes: one for the first four bytes of the address, one
/// for the rest and a bit to invert.
fn bits(bytes: &mut Unstructured<'_>) -> Result<u128> {
    let choice: u8 = bytes.arbitrary()?;
    let octet = |at: u8| BYTES[usize::from((choice >> (2 * at)) & 3)];
    let head = u32::from_be_bytes([octet(0), octet(1), octet(2), octet(3)]);
    let choice: u8 = bytes.arbitrary()?;
    let tail = TAILS[usize::from(choice & 3)] & !mask(32);
    let flip = match choice >> 2 {
        0..=31 => 0,
        position => 1_u128 << (4 * (position - 32)),
    };
    Ok(((u128::from(head) << 96) | tail) ^ flip)
}

pub(super) fn address(bytes: &mut Unstructured<'_>) -> Result<IpAddr> {
    Ok(to_address(family(bytes)?, bits(bytes)?))
}

pub(super) fn prefix(bytes: &mut Unstructured<'_>) -> Result<Prefix> {
    let family = family(bytes)?;
    let len = (*bytes.choose(&LENGTHS)?).min(family.bits());
    let address = to_address(family, bits(bytes)? & mask(len));
    Ok(Prefix::new(address, len).expect("the host bits are cleared"))
}

fn metric(bytes: &mut Unstructured<'_>) -> Result<u32> {
    Ok(*bytes.choose(&METRICS)?)
}

fn next_hop(bytes: &mut Unstructured<'_>) -> Result<NextHop> {
    let dev = DevName::new("eth0");
    let v6 = IpAddr::V6(1.into());
    let next_hops = [
        NextHop::Blackhole,
        NextHop::Unreachable,
        NextHop::Prohibit,
        dev.map_or(NextHop::Blackhole, NextHop::Dev),
        NextHop::Via([192, 0, 2, 1].into(), None),
        NextHop::Via([192, 0, 2, 1].into(), dev),
        NextHop::Via(v6, None),
        NextHop::Via(v6, dev),
    ];
    Ok(*bytes.choose(&next_hops)?)
}

pub(super) fn selector(bytes: &mut Unstructured<'_>) -> Result<Selector> {
    Ok(match bytes.int_in_range(0..=3)? {
        0 | 1 => Selector::All,
        2 => Selector::Family(family(bytes)?),
        _ => Selector::Prefix(prefix(bytes)?),
    })
}

fn optional<T>(
    bytes: &mut Unstructured<'_>,
    choose: fn(&mut Unstructured<'_>) -> Result<T>,
) -> Result<Option<T>> {
    bytes.ratio(1, 4)?.then(|| choose(bytes)).transpose()
}

/// Chooses a change, mostly an insert, so that the table has routes to delete.
pub(crate) fn operation(bytes: &mut Unstructured<'_>) -> Result<Operation> {
    let mode = match bytes.int_in_range(0..=31)? {
        0..=11 => Mode::Add,
        12..=15 => Mode::Change,
        16..=19 => Mode::Replace,
        20..=30 => {
            let prefix = prefix(bytes)?;
            let metric = optional(bytes, metric)?;
            return Ok(Operation::Remove(
                prefix,
                metric,
                optional(bytes, next_hop)?,
            ));
        }
        _ => return Ok(Operation::Flush(some_family(bytes)?)),
    };
    let route = Route {
        prefix: prefix(bytes)?,
        metric: metric(bytes)?,
        next_hop: next_hop(bytes)?,
    };
    Ok(Operation::Insert(route, mode))
}
