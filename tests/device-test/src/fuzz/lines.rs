// SPDX-License-Identifier: GPL-2.0

//! Lines of text: what they do to a model's table if they make sense, and what becomes of them when bytes
//! are changed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nix::errno::Errno;

use super::random::{Choose, Random};
use crate::model::Key;

/// A change of the table.
#[derive(Clone, Debug)]
pub enum Update {
    Add(Key, &'static str),
    Change(Key, &'static str),
    Replace(Key, &'static str),
    Delete(Key),
    Flush(Option<Family>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Inet,
    Inet6,
}

/// What a line means.
#[derive(Clone, Debug)]
pub enum Meaning {
    Change(Update),
    Begin {
        reload: bool,
    },
    Commit,
    Abort,
    Get(IpAddr),
    Show(Option<Family>),
    /// A comment or nothing.
    Nothing,
    /// It is refused with that errno.
    Refused(Errno),
}

const OCTETS: [u8; 4] = [0, 10, 128, 255];
const LENGTHS: [u8; 20] = [
    0, 1, 7, 8, 9, 12, 15, 16, 17, 20, 23, 24, 25, 31, 32, 48, 63, 64, 65, 128,
];
const METRICS: [u32; 6] = [0, 0, 0, 1, 20, u32::MAX];
/// Of IPv4 prefixes and of any.
const NEXT_HOPS: [&str; 4] = [
    "via 192.0.2.1",
    "via 192.0.2.1 dev eth0",
    "dev lo",
    "via inet6 fe80::1",
];
const NEXT_HOPS_INET6: [&str; 4] = [
    "via fe80::1",
    "via fe80::1 dev eth0",
    "dev lo",
    "via inet 192.0.2.1",
];

/// Lines that are no commands.
const BAD: [&str; 12] = [
    "add",
    "add 10.0.0.1/8 dev lo",
    "add 10.0.0.0/33 dev lo",
    "add 10.0.0.0/8",
    "add 10.0.0.0/8 dev lo dev lo",
    "add 10.0.0.0/8 via ::1",
    "blackhole 10.0.0.0/8 dev lo",
    "get nothing",
    "flush inet7",
    "show 10.0.0.0/8 twice",
    "begin again",
    "frobnicate",
];

impl Family {
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Inet,
            IpAddr::V6(_) => Self::Inet6,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Inet => "inet",
            Self::Inet6 => "inet6",
        }
    }
}

pub fn address(random: &mut Random) -> IpAddr {
    let octets = [(); 4].map(|()| random.choose(&OCTETS));
    let head = u32::from_be_bytes(octets);
    if random.once_in(2) {
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

fn change(random: &mut Random) -> Update {
    let key = key(random);
    let next_hop = next_hop(random, &key);
    // Few flushes, so that there is something to change.
    match random.below(256) {
        0..=127 => Update::Add(key, next_hop),
        128..=151 => Update::Change(key, next_hop),
        152..=175 => Update::Replace(key, next_hop),
        176..=254 => Update::Delete(key),
        _ => Update::Flush(family(random)),
    }
}

fn with_family(verb: &str, family: Option<Family>) -> String {
    family.map_or(verb.to_owned(), |family| {
        format!("{verb} {}", family.word())
    })
}

fn of_change(change: &Update) -> String {
    let insert = |verb: &str, key: &Key, next_hop: &str| {
        let line = key.line(next_hop);
        format!("{verb} {}", line.trim_end())
    };
    match change {
        Update::Add(key, next_hop) => insert("add", key, next_hop),
        Update::Change(key, next_hop) => insert("change", key, next_hop),
        Update::Replace(key, next_hop) => insert("replace", key, next_hop),
        Update::Delete(key) => format!("del {} metric {}", key.prefix(), key.metric),
        Update::Flush(family) => with_family("flush", *family),
    }
}

/// A line without its newline, and what it means.
pub fn line(random: &mut Random) -> (Vec<u8>, Meaning) {
    let (text, meaning) = match random.below(64) {
        0..=41 => {
            let change = change(random);
            (of_change(&change), Meaning::Change(change))
        }
        42..=45 => {
            let reload = random.once_in(4);
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
            (with_family("show", family), Meaning::Show(family))
        }
        58 => ("  # nothing".into(), Meaning::Nothing),
        59 => (String::new(), Meaning::Nothing),
        60 => ("get ".repeat(70), Meaning::Refused(Errno::E2BIG)),
        61 => ("get 10.0.0.1\u{1}".into(), Meaning::Refused(Errno::EINVAL)),
        _ => (random.choose(&BAD).into(), Meaning::Refused(Errno::EINVAL)),
    };
    (text.into_bytes(), meaning)
}

/// Several lines, some with bytes changed, lost or doubled.
pub fn mutated(random: &mut Random) -> Vec<u8> {
    let mut text = Vec::new();
    for _ in 0..=random.below(12) {
        text.extend(line(random).0);
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
