// SPDX-License-Identifier: GPL-2.0

//! MRT (RFC 6396, RFC 8050): the tables and updates that RIPE RIS and RouteViews publish.
//!
//! ```text
//!   TABLE_DUMP, TABLE_DUMP_V2 ──► paths of a prefix ──► the shortest AS path ┐
//!   BGP4MP ──► announced and withdrawn prefixes of each peer ──► the same    ┴──► words of `ip`
//! ```
//!
//! A collector has one path from each peer. It forwards nothing, so the file does not say which
//! path is in use. The import takes the path with the shortest AS path; of several it takes that of
//! the peer with the lowest address.
//!
//! A table has a path from each of about 60 peers for each of a million prefixes. The import keeps
//! only the best one of a table for a prefix. Updates need the paths of all their peers, because a
//! withdrawal reveals another one.

mod bgp;

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use mrt_ingester::bgp4mp::BGP4MP;
use mrt_ingester::tabledump::{TABLE_DUMP, TABLE_DUMP_V2};
use mrt_ingester::Header;

use super::words;
use super::Found;
use crate::rcu_table::{Family, Prefix};
use bgp::{AsSize, Attributes, Update};

/// The maximum length of a record in bytes. It bounds the memory that a damaged file makes us
/// allocate, and leaves 1 KiB for each of 65,536 peers of a prefix.
const MAX_RECORD: u32 = 1 << 26;

const TYPE_TABLE_DUMP: u16 = 12;
const TYPE_TABLE_DUMP_V2: u16 = 13;
const TYPE_BGP4MP: u16 = 16;
/// Subtypes of TABLE_DUMP_V2 for other families, such as those of VPNs.
const RIB_GENERIC: u16 = 6;
const RIB_GENERIC_ADDPATH: u16 = 12;
/// The same as BGP4MP, with microseconds before the message.
const TYPE_BGP4MP_ET: u16 = 17;

fn header(bytes: [u8; 12]) -> Header {
    let [t0, t1, t2, t3, k0, k1, s0, s1, l0, l1, l2, l3] = bytes;
    Header {
        timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
        extended: 0,
        record_type: u16::from_be_bytes([k0, k1]),
        sub_type: u16::from_be_bytes([s0, s1]),
        length: u32::from_be_bytes([l0, l1, l2, l3]),
    }
}

/// Returns whether the first bytes are the header of a record that the import reads.
pub fn is_mrt(head: &[u8]) -> bool {
    let Some(bytes) = head.first_chunk() else {
        return false;
    };
    let header = header(*bytes);
    let has_type = matches!(
        (header.record_type, header.sub_type),
        (TYPE_TABLE_DUMP, 1..=2)
            | (TYPE_TABLE_DUMP_V2, 1..=12)
            | (TYPE_BGP4MP | TYPE_BGP4MP_ET, 0..=11)
    );
    has_type && header.length <= MAX_RECORD
}

/// Reads the header and the body of a record; `None` at the end of the file. Errors: the file ends
/// within the record, the record is too long, or the file cannot be read.
fn next_record(reader: &mut impl Read) -> io::Result<Option<(Header, Vec<u8>)>> {
    let mut bytes = Vec::new();
    reader.by_ref().take(12).read_to_end(&mut bytes)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let cut = || io::Error::new(ErrorKind::UnexpectedEof, "the file ends within this record");
    let header = header(bytes.try_into().map_err(|_| cut())?);
    if header.length > MAX_RECORD {
        let message = format!(
            "expected at most {MAX_RECORD} bytes, found {}",
            header.length
        );
        return Err(io::Error::new(ErrorKind::InvalidData, message));
    }
    let mut body = Vec::new();
    let length = u64::from(header.length);
    match reader.by_ref().take(length).read_to_end(&mut body)? as u64 == length {
        true => Ok(Some((header, body))),
        false => Err(cut()),
    }
}

/// A path to a prefix. The order of the fields makes the preferred path the least.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Path {
    as_path_length: usize,
    peer: IpAddr,
    next_hop: IpAddr,
    record: u64,
}

/// The paths of a prefix.
#[derive(Default)]
struct PrefixPaths {
    /// The best path of the tables.
    best: Option<Path>,
    /// The number of the tables' other paths, which are not kept.
    others: u64,
    /// The paths of the updates, by peer.
    updates: BTreeMap<IpAddr, Path>,
}

impl PrefixPaths {
    /// Removes the best path of the tables. Errors: another path of a table may be the best one
    /// now.
    fn lose_best(&mut self, prefix: Prefix, is_worse: bool) -> Result<(), String> {
        self.best = None;
        match self.others {
            others if is_worse && others > 0 => Err(format!(
                "{prefix}: expected the best of {} paths of a table to stay, because only this one \
                 is kept, found an update of it; --peer ADDRESS reads the paths of one peer",
                others + 1
            )),
            _ => Ok(()),
        }
    }
}

/// The paths of all prefixes.
struct Paths {
    /// The only peer whose paths are read; `None` for all peers.
    only: Option<IpAddr>,
    by_prefix: BTreeMap<Prefix, PrefixPaths>,
    /// The number of paths that are no candidates: of other peers, of multicast, without a next
    /// hop, and further ones of a peer.
    unused: u64,
}

impl Paths {
    /// Returns the path unless it is no candidate.
    fn candidate(
        &mut self,
        peer: IpAddr,
        next_hop: Option<IpAddr>,
        as_path_length: usize,
        record: u64,
    ) -> Option<Path> {
        let is_read = self.only.is_none_or(|only| only == peer);
        let Some(next_hop) = next_hop.filter(|_| is_read) else {
            self.unused += 1;
            return None;
        };
        Some(Path {
            as_path_length,
            peer,
            next_hop,
            record,
        })
    }

    /// Adds a path of a table, of which only the best one is kept.
    fn add(&mut self, prefix: Prefix, path: Path) {
        let paths = self.by_prefix.entry(prefix).or_default();
        match &mut paths.best {
            // A later table has a newer path of the peer.
            Some(best) if best.peer == path.peer => *best = path,
            Some(best) => {
                *best = path.min(*best);
                paths.others += 1;
            }
            best => *best = Some(path),
        }
    }

    /// Adds the paths of a record that has all paths of a prefix. They replace those of an earlier
    /// record.
    fn replace(&mut self, prefix: Prefix, mut paths: impl Iterator<Item = Path>) {
        let Some(first) = paths.next() else {
            return;
        };
        let kept = self.by_prefix.entry(prefix).or_default();
        self.unused += kept.others;
        (kept.best, kept.others) = (Some(first), 0);
        for path in paths {
            kept.best = kept.best.map(|best| path.min(best));
            kept.others += 1;
        }
    }

    /// Adds a path of an update. A peer's later path replaces its earlier one. Errors: it is worse
    /// than the best path of a table, which it replaces, and whose others are not kept.
    fn announce(&mut self, prefix: Prefix, path: Path) -> Result<(), String> {
        let paths = self.by_prefix.entry(prefix).or_default();
        let is_replaced = paths.best.filter(|best| best.peer == path.peer);
        let replaced = match is_replaced {
            Some(best) => paths.lose_best(prefix, path.as_path_length > best.as_path_length),
            None => Ok(()),
        };
        match paths.updates.get_mut(&path.peer) {
            // One record has several paths of a peer with Add-Path.
            Some(other) if other.record == path.record => {
                *other = path.min(*other);
                self.unused += 1;
            }
            _ => drop(paths.updates.insert(path.peer, path)),
        }
        replaced
    }

    /// Removes the path of a peer. Errors: it was the best one of a table, whose others are not
    /// kept.
    fn withdraw(&mut self, prefix: Prefix, peer: IpAddr) -> Result<(), String> {
        let Some(paths) = self.by_prefix.get_mut(&prefix) else {
            return Ok(());
        };
        paths.updates.remove(&peer);
        match paths.best.is_some_and(|best| best.peer == peer) {
            true => paths.lose_best(prefix, true),
            false => Ok(()),
        }
    }

    /// Adds the best path of each prefix to the routes.
    fn finish(self, found: &mut Found) {
        found.inactive += self.unused;
        for (prefix, paths) in self.by_prefix {
            found.inactive += paths.others;
            let Some(best) = paths.updates.values().chain(&paths.best).min() else {
                continue;
            };
            let words = words::via(best.next_hop);
            found.push(best.record, format!("{prefix}{words}"));
            let candidates = paths.updates.len() + usize::from(paths.best.is_some());
            found.inactive += candidates as u64 - 1;
        }
    }
}

/// Finds the best path of each prefix, among the paths of all peers or of `only`. The line of a
/// route is the number of its record.
pub fn find(mut reader: impl Read, only: Option<IpAddr>) -> Found {
    let mut found = Found::default();
    let mut paths = Paths {
        only,
        by_prefix: BTreeMap::new(),
        unused: 0,
    };
    let mut peers = Vec::new();
    for number in 1.. {
        let (header, body) = match next_record(&mut reader) {
            Ok(Some(record)) => record,
            Ok(None) => break,
            Err(error) => {
                found.refuse(number, format!("record {number}: {error}"));
                break;
            }
        };
        if let Err(message) = read_record(&header, &body, &mut peers, number, &mut paths) {
            found.refuse(number, format!("record {number}: {message}"));
        }
    }
    paths.finish(&mut found);
    found
}

/// Adds the paths of a record. Errors: what is wrong with the record.
fn read_record(
    header: &Header,
    mut body: &[u8],
    peers: &mut Vec<IpAddr>,
    number: u64,
    paths: &mut Paths,
) -> Result<(), String> {
    let bad = |error: io::Error| error.to_string();
    match header.record_type {
        TYPE_TABLE_DUMP => {
            let entry = TABLE_DUMP::parse(header, &mut body).map_err(bad)?;
            read_table_dump(&entry, number, paths)
        }
        TYPE_TABLE_DUMP_V2 if matches!(header.sub_type, RIB_GENERIC | RIB_GENERIC_ADDPATH) => {
            Err("RIB_GENERIC: expected a table of IPv4 or IPv6 unicast".to_string())
        }
        TYPE_TABLE_DUMP_V2 => {
            let record = TABLE_DUMP_V2::parse(header, &mut body).map_err(bad)?;
            read_table_dump_v2(record, peers, number, paths)
        }
        TYPE_BGP4MP => {
            let message = BGP4MP::parse(header, &mut body).map_err(bad)?;
            read_message(message, number, paths)
        }
        TYPE_BGP4MP_ET => {
            let mut body = body.get(4..).ok_or("the microseconds are missing")?;
            let message = BGP4MP::parse(header, &mut body).map_err(bad)?;
            read_message(message, number, paths)
        }
        other => Err(format!(
            "expected TABLE_DUMP, TABLE_DUMP_V2 or BGP4MP, found type {other}"
        )),
    }
}

fn read_table_dump_v2(
    record: TABLE_DUMP_V2,
    peers: &mut Vec<IpAddr>,
    number: u64,
    paths: &mut Paths,
) -> Result<(), String> {
    use TABLE_DUMP_V2::{
        PEER_INDEX_TABLE, RIB_IPV4_MULTICAST, RIB_IPV4_MULTICAST_ADDPATH, RIB_IPV4_UNICAST,
        RIB_IPV4_UNICAST_ADDPATH, RIB_IPV6_MULTICAST, RIB_IPV6_MULTICAST_ADDPATH, RIB_IPV6_UNICAST,
        RIB_IPV6_UNICAST_ADDPATH,
    };

    let family = match &record {
        RIB_IPV4_UNICAST(_) | RIB_IPV4_UNICAST_ADDPATH(_) => Family::Inet,
        _ => Family::Inet6,
    };
    match record {
        PEER_INDEX_TABLE(table) => {
            *peers = table
                .peer_entries
                .iter()
                .map(|peer| peer.peer_ip_address)
                .collect();
            Ok(())
        }
        RIB_IPV4_UNICAST(rib) | RIB_IPV6_UNICAST(rib) => {
            let prefix = bgp::prefix(family, rib.prefix_length, &rib.prefix)?;
            let entries = rib
                .entries
                .iter()
                .map(|entry| (entry.peer_index, &entry.attributes[..]));
            read_rib(prefix, entries, peers, number, paths)
        }
        RIB_IPV4_UNICAST_ADDPATH(rib) | RIB_IPV6_UNICAST_ADDPATH(rib) => {
            let prefix = bgp::prefix(family, rib.prefix_length, &rib.prefix)?;
            let entries = rib
                .entries
                .iter()
                .map(|entry| (entry.peer_index, &entry.attributes[..]));
            read_rib(prefix, entries, peers, number, paths)
        }
        RIB_IPV4_MULTICAST(rib) | RIB_IPV6_MULTICAST(rib) => {
            paths.unused += rib.entries.len() as u64;
            Ok(())
        }
        RIB_IPV4_MULTICAST_ADDPATH(rib) | RIB_IPV6_MULTICAST_ADDPATH(rib) => {
            paths.unused += rib.entries.len() as u64;
            Ok(())
        }
        _ => Err("expected a table of IPv4 or IPv6".to_string()),
    }
}

/// Adds the paths of a prefix; each entry has the index of a peer, and attributes.
fn read_rib<'a>(
    prefix: Prefix,
    entries: impl Iterator<Item = (u16, &'a [u8])>,
    peers: &[IpAddr],
    number: u64,
    paths: &mut Paths,
) -> Result<(), String> {
    let mut found = Vec::new();
    for (index, attributes) in entries {
        let peer = *peers.get(usize::from(index)).ok_or_else(|| {
            format!(
                "{prefix}: expected a peer below {}, found {index}",
                peers.len()
            )
        })?;
        let attributes = Attributes::parse(attributes, AsSize::Four)
            .map_err(|error| format!("{prefix}: {error}"))?;
        let (next_hop, length) = (attributes.next_hop(), attributes.as_path_length);
        found.extend(paths.candidate(peer, next_hop, length, number));
    }
    paths.replace(prefix, found.into_iter());
    Ok(())
}

fn read_table_dump(entry: &TABLE_DUMP, number: u64, paths: &mut Paths) -> Result<(), String> {
    let family = Family::of(entry.prefix);
    let bytes = match entry.prefix {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let prefix = bgp::prefix(family, entry.prefix_length, &bytes)?;
    let attributes = Attributes::parse(&entry.attributes, AsSize::Two)
        .map_err(|error| format!("{prefix}: {error}"))?;
    let (next_hop, length) = (attributes.next_hop(), attributes.as_path_length);
    if let Some(path) = paths.candidate(entry.peer_address, next_hop, length, number) {
        paths.add(prefix, path);
    }
    Ok(())
}

/// Adds and withdraws the paths of a peer's message. Changes of state, and messages that the
/// collector sent, have none.
fn read_message(message: BGP4MP, record: u64, paths: &mut Paths) -> Result<(), String> {
    let (peer, bytes, as_size, has_path_ids) = match message {
        BGP4MP::MESSAGE(m) => (m.peer_address, m.message, AsSize::Two, false),
        BGP4MP::MESSAGE_AS4(m) => (m.peer_address, m.message, AsSize::Four, false),
        BGP4MP::MESSAGE_ADDPATH(m) => (m.peer_address, m.message, AsSize::Two, true),
        BGP4MP::MESSAGE_AS4_ADDPATH(m) => (m.peer_address, m.message, AsSize::Four, true),
        _ => return Ok(()),
    };
    let update = Update::parse(&bytes, as_size, has_path_ids)?;
    let mut updated = Ok(());
    for &prefix in &update.withdrawn {
        updated = updated.and(paths.withdraw(prefix, peer));
    }
    for &(prefix, next_hop) in &update.announced {
        if let Some(path) = paths.candidate(peer, next_hop, update.as_path_length, record) {
            updated = updated.and(paths.announce(prefix, path));
        }
    }
    updated
}

/// Returns an address of 4 or 16 bytes.
fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(octets).into());
    }
    <[u8; 16]>::try_from(bytes)
        .ok()
        .map(|octets| Ipv6Addr::from(octets).into())
}

#[cfg(test)]
mod tests;
