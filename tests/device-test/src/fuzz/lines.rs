// SPDX-License-Identifier: GPL-2.0

//! Random lines of text: valid and invalid ones with their meaning, and mutated ones.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nix::errno::Errno;

use super::random::{Choose, Random};
use crate::model::{Family, Key, Update};

/// The meaning of a line.
#[derive(Clone, Debug)]
pub enum Meaning {
    Update(Update),
    Begin {
        reload: bool,
    },
    Commit,
    Abort,
    Get(IpAddr),
    Show(Option<Family>),
    /// The line is blank or a comment.
    Nothing,
    /// The line fails with this errno.
    Refused(Errno),
}

const OCTETS: [u8; 4] = [0, 10, 128, 255];
const LENGTHS: [u8; 20] = [
    0, 1, 7, 8, 9, 12, 15, 16, 17, 20, 23, 24, 25, 31, 32, 48, 63, 64, 65, 128,
];
const METRICS: [u32; 6] = [0, 0, 0, 1, 20, u32::MAX];
/// Next hops of IPv4 prefixes.
const NEXT_HOPS: [&str; 4] = [
    "via 192.0.2.1",
    "via 192.0.2.1 dev eth0",
    "dev lo",
    "via inet6 fe80::1",
];
/// Next hops of IPv6 prefixes.
const NEXT_HOPS_INET6: [&str; 4] = [
    "via fe80::1",
    "via fe80::1 dev eth0",
    "dev lo",
    "via inet 192.0.2.1",
];

/// Lines that are not commands.
const BAD: [&str; 14] = [
    "monitor inet",
    "add 10.0.0.0/8 nexthop dev lo weight 257",
    "add",
    "add 10.0.0.1/8 dev lo",
    "add 10.0.0.0/33 dev lo",
    "add 10.0.0.0/8",
    "add 10.0.0.0/8 dev lo dev lo",
    "add 10.0.0.0/8 via ::1",
    "blackhole 10.0.0.0/8 dev eth0",
    "get nothing",
    "flush inet7",
    "show 10.0.0.0/8 twice",
    "begin again",
    "frobnicate",
];

pub fn address(random: &mut Random) -> IpAddr {
    let octets = [(); 4].map(|()| random.choose(&OCTETS));
    let head = u32::from_be_bytes(octets);
    if random.one_in(2) {
        return Ipv4Addr::from_bits(head).into();
    }
    let tail = random.choose(&[0, 1, u128::from(u64::MAX), 0xff00 << 60]);
    Ipv6Addr::from_bits((u128::from(head) << 96) | tail).into()
}

fn key(random: &mut Random) -> Key {
    let address = address(random);
    let most = if address.is_ipv4() { 32 } else { 128 };
    let len = random.choose(&LENGTHS).min(most);
    Key::covering(address, len, random.choose(&METRICS))
}

fn next_hop(random: &mut Random, key: &Key) -> &'static str {
    match key.address.is_ipv4() {
        true => random.choose(&NEXT_HOPS),
        false => random.choose(&NEXT_HOPS_INET6),
    }
}

fn family(random: &mut Random) -> Option<Family> {
    random.choose(&[None, Some(Family::Inet), Some(Family::Inet6)])
}

fn update(random: &mut Random) -> Update {
    let key = key(random);
    let next_hop = next_hop(random, &key);
    // A flush is rare, so that the table has routes to change.
    match random.below(256) {
        0..=127 => Update::Add(key, next_hop),
        128..=151 => Update::Change(key, next_hop),
        152..=175 => Update::Replace(key, next_hop),
        176..=254 => Update::Delete(key),
        _ => Update::Flush(family(random)),
    }
}

/// Returns a line without its newline, and its meaning.
pub fn line(random: &mut Random) -> (Vec<u8>, Meaning) {
    let (text, meaning) = match random.below(64) {
        0..=41 => {
            let update = update(random);
            (update.command(), Meaning::Update(update))
        }
        42..=45 => {
            let reload = random.one_in(4);
            let text = if reload { "begin reload" } else { "begin" };
            (text.into(), Meaning::Begin { reload })
        }
        46..=49 => ("commit".into(), Meaning::Commit),
        50 => ("abort".into(), Meaning::Abort),
        51..=54 => {
            let address = address(random);
            (format!("get {address}"), Meaning::Get(address))
        }
        55..=57 => {
            let family = family(random);
            let text = family.map_or("show".into(), |family| format!("show {}", family.word()));
            (text, Meaning::Show(family))
        }
        58 => ("  # nothing".into(), Meaning::Nothing),
        59 => (String::new(), Meaning::Nothing),
        60 => ("get ".repeat(300), Meaning::Refused(Errno::E2BIG)),
        61 => ("get 10.0.0.1\u{1}".into(), Meaning::Refused(Errno::EINVAL)),
        _ => (random.choose(&BAD).into(), Meaning::Refused(Errno::EINVAL)),
    };
    (text.into_bytes(), meaning)
}

/// Lines about objects and about routes with several next hops, and parts of such routes.
const PARTS: [&str; 26] = [
    "nexthop replace id 5 via 192.0.2.1 dev eth0",
    "nexthop replace id 6 dev lo",
    "nexthop replace id 9 group 5/6,3",
    "nexthop del id 9",
    "nexthop del id 5",
    "nexthop show",
    "replace 10.0.0.0/8 nhid 9",
    "replace 10.0.0.0/8 nhid 5 via 192.0.2.1 dev eth0",
    "replace 10.0.0.0/8 nexthop dev lo nexthop dev eth0 weight 3",
    "del 10.0.0.0/8 nexthop dev lo nexthop dev eth0 weight 3",
    "replace 128.0.0.0/8 nhid 9 nexthop via 192.0.2.1 dev eth0 nexthop dev lo weight 3",
    "10.0.0.0/16 metric 20 proto static ",
    "10.0.0.0/17 nhid 9 proto bgp ",
    "10.0.0.0/17 nhid 7 ",
    "default pref medium",
    "default",
    "\tnexthop via 192.0.2.1 dev eth0 weight 1 ",
    "\tnexthop via inet6 fe80::1 dev lo weight 256 onlink ",
    "\tnexthop dev lo weight 2 ",
    "\tnexthop encap mpls 16 dev lo ",
    "\tnh_info id 9 group 5/6 ",
    "    cache <local> users 1 ",
    "replace ::/0 \\",
    " nexthop dev lo \\",
    "default \\\tnexthop via fe80::1 dev lo \\\tnexthop dev eth0 ",
    "default via \u{1b}[1;35m10.0.0.1 \u{1b}[0mdev lo",
];

/// Returns several lines, some of them with changed, missing or repeated bytes.
pub fn mutated(random: &mut Random) -> Vec<u8> {
    let mut text = Vec::new();
    let parts_in_four = random.below(4);
    for _ in 0..=random.below(12) {
        match random.below(4) < parts_in_four {
            true => text.extend(random.choose(&PARTS).as_bytes()),
            false => text.extend(line(random).0),
        }
        text.push(b'\n');
    }
    for _ in 0..random.below(4) {
        let at = random.below(text.len());
        match random.below(4) {
            0 => text[at] = random.word() as u8,
            1 => text.truncate(at.max(1)),
            2 => text.insert(at, random.choose(b" \n#/:.0a\xff\0")),
            _ => text.extend_from_within(at..),
        }
    }
    text
}
