// SPDX-License-Identifier: GPL-2.0

//! The parts of BGP that the import needs: next hops, lengths of AS paths, and the prefixes of
//! updates (RFC 4271, RFC 4760, RFC 7911).

use std::net::IpAddr;

use super::address;
use crate::rcu_table::{Family, Prefix};

/// The size of an AS number in bytes.
#[derive(Clone, Copy)]
pub enum AsSize {
    Two = 2,
    Four = 4,
}

const EXTENDED_LENGTH: u8 = 0x10;
const AS_PATH: u8 = 2;
const NEXT_HOP: u8 = 3;
const MP_REACH_NLRI: u8 = 14;
const MP_UNREACH_NLRI: u8 = 15;

const AS_SET: u8 = 1;
const AS_SEQUENCE: u8 = 2;

const UNICAST: u8 = 1;

const MESSAGE_HEADER: usize = 19;
/// The offset of the length in a message's header. The length includes the header.
const MESSAGE_LENGTH_AT: usize = 16;
const UPDATE: u8 = 2;

/// Bytes to parse. Each method takes some from the front. Errors: what is missing.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize, what: &str) -> Result<&'a [u8], String> {
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .ok_or_else(|| format!("{what}: expected {count} bytes, found {}", self.0.len()))?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self, what: &str) -> Result<u8, String> {
        Ok(self.take(1, what)?[0])
    }

    fn number(&mut self, what: &str) -> Result<usize, String> {
        let bytes = self.take(2, what)?;
        Ok(usize::from(u16::from_be_bytes([bytes[0], bytes[1]])))
    }
}

/// Returns the prefix with a length and leading bytes, and ignores their host bits.
pub fn prefix(family: Family, len: u8, bytes: &[u8]) -> Result<Prefix, String> {
    if len > family.bits() {
        return Err(format!(
            "prefix length {len}: expected at most {}",
            family.bits()
        ));
    }
    let mut octets = [0; 16];
    let whole = bytes.len().min(octets.len());
    octets[..whole].copy_from_slice(&bytes[..whole]);
    let size = usize::from(family.bits() / 8);
    let address = address(&octets[..size]).ok_or("no address")?;
    Ok(Prefix::network(address, len))
}

/// Parses the prefixes of an update. With Add-Path, a path identifier of four bytes precedes each.
fn prefixes(family: Family, bytes: &[u8], has_path_ids: bool) -> Result<Vec<Prefix>, String> {
    let mut bytes = Bytes(bytes);
    let mut prefixes = Vec::new();
    while !bytes.0.is_empty() {
        if has_path_ids {
            bytes.take(4, "path identifier")?;
        }
        let len = bytes.byte("prefix length")?;
        let octets = bytes.take(usize::from(len).div_ceil(8), "prefix")?;
        prefixes.push(prefix(family, len, octets)?);
    }
    Ok(prefixes)
}

/// The family and the bytes of the prefixes of MP_REACH_NLRI or MP_UNREACH_NLRI; none for other
/// families than IPv4 and IPv6 unicast.
type Reached<'a> = Option<(Family, &'a [u8])>;

/// The attributes of a path.
#[derive(Default)]
pub struct Attributes<'a> {
    /// The length of the AS path. A set of AS numbers counts as one.
    pub as_path_length: usize,
    classic: Option<IpAddr>,
    multiprotocol: Option<IpAddr>,
    reached: Reached<'a>,
    unreached: Reached<'a>,
}

impl<'a> Attributes<'a> {
    pub fn parse(bytes: &'a [u8], as_size: AsSize) -> Result<Self, String> {
        let mut this = Self::default();
        let mut bytes = Bytes(bytes);
        while !bytes.0.is_empty() {
            let flags = bytes.byte("flags of an attribute")?;
            let kind = bytes.byte("type of an attribute")?;
            let length = match flags & EXTENDED_LENGTH {
                0 => usize::from(bytes.byte("length of an attribute")?),
                _ => bytes.number("length of an attribute")?,
            };
            let value = bytes.take(length, "attribute")?;
            match kind {
                AS_PATH => this.as_path_length = as_path_length(value, as_size)?,
                NEXT_HOP => this.classic = address(value),
                MP_REACH_NLRI => this.parse_reached(value)?,
                MP_UNREACH_NLRI => {
                    let mut value = Bytes(value);
                    this.unreached = family(&mut value)?.map(|family| (family, value.0));
                }
                _ => (),
            }
        }
        Ok(this)
    }

    /// Returns the next hop; none for a network that originates at the router itself.
    pub fn next_hop(&self) -> Option<IpAddr> {
        self.multiprotocol.or(self.classic).filter(is_specified)
    }

    /// Parses MP_REACH_NLRI. In a table it has only the next hop, but some collectors write all of
    /// it.
    fn parse_reached(&mut self, value: &'a [u8]) -> Result<(), String> {
        let mut value = Bytes(value);
        let is_whole = value.0.first() == Some(&0);
        let family = if is_whole { family(&mut value)? } else { None };
        let length = value.byte("length of the next hop")?;
        let next_hop = value.take(usize::from(length), "next hop")?;
        self.multiprotocol = multiprotocol_next_hop(next_hop);
        if is_whole {
            value.byte("reserved byte")?;
            self.reached = family.map(|family| (family, value.0));
        }
        Ok(())
    }
}

fn is_specified(address: &IpAddr) -> bool {
    !address.is_unspecified()
}

/// Parses the next hop: an address, or a global address and a link-local one.
fn multiprotocol_next_hop(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.split_at_checked(16) {
        Some((global, link_local)) if !link_local.is_empty() => {
            address(global).filter(is_specified).or(address(link_local))
        }
        _ => address(bytes),
    }
}

/// Parses the address family and the kind of routes; `None` if they are neither IPv4 nor IPv6
/// unicast.
fn family(value: &mut Bytes<'_>) -> Result<Option<Family>, String> {
    let family = value.number("address family")?;
    let kind = value.byte("kind of routes")?;
    Ok(match (family, kind) {
        (1, UNICAST) => Some(Family::Inet),
        (2, UNICAST) => Some(Family::Inet6),
        _ => None,
    })
}

fn as_path_length(value: &[u8], as_size: AsSize) -> Result<usize, String> {
    let mut value = Bytes(value);
    let mut length = 0;
    while !value.0.is_empty() {
        let kind = value.byte("segment of an AS path")?;
        let count = usize::from(value.byte("length of a segment")?);
        value.take(count * as_size as usize, "segment of an AS path")?;
        length += match kind {
            AS_SEQUENCE => count,
            AS_SET => 1,
            // RFC 5065: segments of a confederation do not count.
            _ => 0,
        };
    }
    Ok(length)
}

/// The prefixes of an UPDATE message; none for other messages.
#[derive(Default)]
pub struct Update {
    pub as_path_length: usize,
    /// The announced prefixes, each with its next hop.
    pub announced: Vec<(Prefix, Option<IpAddr>)>,
    pub withdrawn: Vec<Prefix>,
}

impl Update {
    pub fn parse(message: &[u8], as_size: AsSize, has_path_ids: bool) -> Result<Self, String> {
        let mut message = Bytes(message);
        let header = message.take(MESSAGE_HEADER, "header of a message")?;
        if header[MESSAGE_HEADER - 1] != UPDATE {
            return Ok(Self::default());
        }
        // A record can be longer than its message. Bytes behind the message would read as prefixes.
        let length = Bytes(&header[MESSAGE_LENGTH_AT..]).number("length of a message")?;
        let mut message = Bytes(message.take(length.saturating_sub(MESSAGE_HEADER), "message")?);
        let length = message.number("length of withdrawn prefixes")?;
        let withdrawn = message.take(length, "withdrawn prefixes")?;
        let length = message.number("length of the attributes")?;
        let attributes = message.take(length, "attributes")?;
        let attributes = Attributes::parse(attributes, as_size)?;
        let mut withdrawn = prefixes(Family::Inet, withdrawn, has_path_ids)?;
        let classic = prefixes(Family::Inet, message.0, has_path_ids)?;
        let next_hop = attributes.classic.filter(is_specified);
        let mut announced: Vec<_> = classic
            .into_iter()
            .map(|prefix| (prefix, next_hop))
            .collect();
        if let Some((family, bytes)) = attributes.reached {
            let next_hop = attributes.next_hop();
            let reached = prefixes(family, bytes, has_path_ids)?;
            announced.extend(reached.into_iter().map(|prefix| (prefix, next_hop)));
        }
        if let Some((family, bytes)) = attributes.unreached {
            withdrawn.extend(prefixes(family, bytes, has_path_ids)?);
        }
        Ok(Self {
            as_path_length: attributes.as_path_length,
            announced,
            withdrawn,
        })
    }
}
